"""Answers of made-up models, in stores that the harness wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.description import DataRecord
from bench.data.study import study_rows
from bench.data.tasks import Task, make_task
from bench.runs.predictions import Predictions
from bench.runs.records import ImportRecord, Outcome, RunCosts
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.records import (
    ENVIRONMENT,
    both_classes,
    cell,
    class_counts,
    data_record,
    imported_cell,
    part,
    write_run,
)

COSTS = RunCosts(
    parameters=10,
    multiply_adds=10,
    train_seconds=5.0,
    images_per_second=10.0,
    iterations=5,
    best_iteration=5,
)


def predictions_of(
    targets: NDArray[Any], probabilities: NDArray[np.float64], *, patients: list[str] | None = None
) -> Predictions:
    """Answers with made-up ids; probabilities (n,) are those of the second of two classes."""
    images = np.array([f"{place}.png" for place in range(len(targets))], object)
    return Predictions(
        images=images,
        patients=np.array(patients or ["" for _ in images], object),
        targets=targets,
        probabilities=both_classes(probabilities),
    )


class StoredRuns:
    """A store of runs of one task, on a validation and a test part of any size.

    Args:
        findings: of each image, the validation part first.
        patients: of each image; by default each has its own.
    """

    def __init__(
        self,
        root: Path,
        *,
        findings: list[tuple[str, ...]],
        validation: int,
        patients: list[str] | None = None,
        task: Task | None = None,
    ) -> None:
        self.store = Store(root)
        self.task = task or make_task("m1")
        places = np.arange(len(findings))
        self.parts = {"validation": places[:validation], "test": places[validation:]}
        self.rows = study_rows(
            {
                "image": [f"{place:05d}.png" for place in places],
                "patient": patients or [str(place) for place in places],
                "findings": findings,
            }
        )
        self.targets = self.task.targets(self.rows)

    def add(
        self,
        model: str,
        probabilities: NDArray[np.float64],
        *,
        loss: str = "ce",
        seed: int = 0,
        kind: Any = "network",
        only: NDArray[np.bool_] | None = None,
    ) -> Run:
        """A finished run.

        Args:
            probabilities: for all images, (n,) of the second of two classes, or (n, outputs).
        """
        answered = np.ones(len(self.rows), bool) if only is None else only
        parts = {part: places[answered[places]] for part, places in self.parts.items()}
        counts = {part: len(places) for part, places in parts.items()}
        data = self._data()
        imported = None
        if only is not None:
            imported = ImportRecord(
                file="theirs.csv",
                digest="d" * 64,
                combine=None,
                images=counts,
                of={part: len(places) for part, places in self.parts.items()},
                ignored=0,
            )
        made = (
            imported_cell(model, imported, task=self.task.name)
            if imported
            else cell(model, loss if kind == "network" else "", seed=seed, task=self.task.name)
        )
        outcome = Outcome(state="finished", costs=COSTS if kind == "network" else None)
        both = both_classes(probabilities)
        folder = write_run(
            self.store,
            made,
            data,
            rows=self.rows,
            task=self.task,
            parts=parts,
            probabilities={part: both[places] for part, places in parts.items() if len(places)},
            outcome=outcome,
            imported=imported,
        )
        return Run(
            folder=folder,
            cell=made,
            data=data,
            attempts=(ENVIRONMENT,),
            outcome=outcome,
            checksums={},
            imported=imported,
        )

    def _data(self) -> DataRecord:
        patients = self.rows["patient"].to_numpy()
        parts = {
            name: part(
                len(places),
                len(set(patients[places])),
                **class_counts(self.task, self.rows.iloc[places]),
            )
            for name, places in self.parts.items()
        }
        return data_record(
            self.task, source="manifest", parts={"train": parts["validation"], **parts}
        )
