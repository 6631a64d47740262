"""A stored run as the reports see it: how it ended, what it cost, what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.cells import Cell
from bench.errors import InputError
from bench.predictions import OTHERS, PREDICTIONS, Judged, Outputs, from_frame, read_frame

State = Literal["finished", "failed", "unavailable"]
JUDGED_PARTS = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class RunCosts:
    """What a network cost.

    Attributes:
        parameters: trainable or not, all of them.
        multiply_adds: of one image's forward pass.
        train_seconds: in training steps; validations and start-up left out.
        images_per_second: training images a second.
        iterations: steps done.
        best_iteration: the step whose weights were kept.
        micro_batch: most images that were on the device at once in a training step, where that
            was less than a batch; None where the whole batch was.
    """

    parameters: int
    multiply_adds: int
    train_seconds: float
    images_per_second: float
    iterations: int
    best_iteration: int
    micro_batch: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run ended.

    Attributes:
        state: ``finished``; ``failed``; or ``unavailable`` (a control that this data cannot
            have).
        reason: why it failed or is unavailable; "" where finished.
        costs: of a finished network.
    """

    state: State
    reason: str = ""
    costs: RunCosts | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An experiment that was run.

    Attributes:
        experiment: its settings as they were given.
        runs: folder names of its runs, finished or not.
    """

    experiment: dict[str, Any]
    runs: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run that began and did not end: a process is at it, or it was interrupted."""

    name: str
    running: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as the reports see it."""

    folder: Path
    cell: Cell
    verdict: Verdict
    data: dict[str, Any]
    environment: dict[str, Any]

    @property
    def outputs(self) -> Outputs:
        """What its predictions are about."""
        # The first runs did not say so: all of them are of m1.
        return Outputs(
            kind=self.data.get("kind", "multiclass"),
            classes=tuple(self.data.get("classes", ("normal", "abnormal"))),
        )

    def predictions(self) -> pd.DataFrame:
        """The stored predictions as they are in the file, probabilities as float64.

        Raises:
            InputError: the file is gone or damaged.
        """
        with self._damaged_predictions():
            frame = read_frame(self.folder / PREDICTIONS, self.outputs, with_targets=True)
            expected = {part: self.data["parts"][part]["images"] for part in JUDGED_PARTS}
            found = frame["part"].value_counts().to_dict()
            if found != expected:
                raise ValueError(f"images by part are {found}, not {expected}")
            return frame

    def judged(self) -> dict[str, Judged]:
        """The answers for the images that the task asks about, for each of ``JUDGED_PARTS``.

        Raises:
            InputError: the predictions are gone or damaged.
        """
        frame = self.predictions()
        with self._damaged_predictions():
            return {
                part: from_frame(frame[frame["part"] == part], self.outputs)
                for part in JUDGED_PARTS
            }

    def answers(self, part: str) -> pd.DataFrame:
        """The probabilities for every image of a part, asked about or not.

        Args:
            part: one of ``JUDGED_PARTS``.

        Returns:
            One row an image, indexed by its id and sorted by it; a column for each output.

        Raises:
            InputError: the predictions are gone or damaged.
        """
        frames = [self.predictions()]
        with self._damaged_predictions():
            if (self.folder / OTHERS).is_file():
                frames.append(read_frame(self.folder / OTHERS, self.outputs, with_targets=False))
            # Targets would be parsed, and those of the other images are not there.
            judged = [
                from_frame(
                    frame[frame["part"] == part].drop(columns="target", errors="ignore"),
                    self.outputs,
                )
                for frame in frames
            ]
        return pd.concat(
            pd.DataFrame(one.probabilities, index=one.images, columns=list(self.outputs.classes))
            for one in judged
        ).sort_index()

    @contextmanager
    def _damaged_predictions(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise InputError(
                f"predictions of run {self.folder.name} are damaged ({error}): delete its folder "
                "and run it again"
            ) from None
