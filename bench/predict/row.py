"""The networks of a row: one, or several that differ in their seeds alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import InputError
from bench.evaluate.ensemble import mean_predictions
from bench.evaluate.operating_points import OperatingPoints
from bench.model import LoadedModel
from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkRow:
    """The networks of a row, with what was chosen on their mean validation predictions."""

    models: tuple[LoadedModel, ...]  # by seed
    points: OperatingPoints

    @classmethod
    def load(cls, runs: Sequence[Run], *, device: torch.device) -> NetworkRow:
        """Load the networks of some ended runs, of at least one."""
        check_one_row(runs)
        runs = sorted(runs, key=lambda run: run.cell.seed)
        points = OperatingPoints.choose(mean_predictions(runs)["validation"], runs[0].outputs)
        return cls(
            models=tuple(LoadedModel(run.folder, device=device) for run in runs), points=points
        )

    @property
    def first(self) -> LoadedModel:
        """The network of the lowest seed; all of them see the same squares."""
        return self.models[0]

    def predict(self, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probabilities, float64 (networks, n, classes), of squares, uint8 (n, side, side)."""
        return np.stack([model.predict(squares) for model in self.models])


def check_one_row(runs: Sequence[Run]) -> None:
    """Refuse runs that are not finished networks which differ in their seeds alone."""
    for run in runs:
        run.finished_network()
    first = runs[0]
    for run in runs[1:]:
        if differing := _differing(first, run):
            raise InputError(
                f"predict one row at a time: {first.name} and {run.name} differ in "
                f"{', '.join(differing)}"
            )


def _differing(first: Run, second: Run) -> list[str]:
    """Settings, beside the seed, in which two runs differ."""
    a, b = (
        {"model": run.cell.model, "loss": run.cell.loss}
        | run.cell.dotted
        | {"data": run.data.fingerprint, "split": run.data.split.hash}
        for run in (first, second)
    )
    return [key for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key)]
