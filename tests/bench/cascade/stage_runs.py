"""Hand-made runs of the five tasks, written as a training would write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cascade.assemble import Assembled, assemble
from bench.cascade.stages import CASCADE_TASKS
from bench.data.leakage import measure_leakage
from bench.data.splits import Split
from bench.data.tasks import make_task
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.results import Reference, Row
from bench.evaluate.scorer import Scorer
from bench.runs.records import Outcome
from bench.runs.run import EVALUATED_PARTS
from bench.runs.store import Store
from tests.bench.records import FINISHED, cell, class_counts, data_record, part, write_run

CONTROLS = ("prior", "same_patient")


class StageRuns:
    """A store to which runs on one data set and split are added."""

    def __init__(
        self, root: Path, *, rows: pd.DataFrame, split: Split, findings: Sequence[str]
    ) -> None:
        self.store = Store(root)
        self.rows = rows
        self.split = split
        self.findings = tuple(findings)
        split.write(self.store.splits, rows)

    def add(
        self,
        task_name: str,
        probabilities: NDArray[np.float64] | None = None,
        *,
        model: str = "net",
        loss: str = "ce",
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        outcome: Outcome | None = None,
        about: dict[str, Any] | None = None,
    ) -> Path:
        """A run that ended.

        Args:
            probabilities: its answers for every row, (rows, outputs); of two classes only that
                of the second, (rows,). None writes no predictions.
            model, loss, seed: of the cell; some names are controls.
        """
        task = make_task(task_name, self.findings)
        asked = task.select(self.rows)
        parts = {name: places[asked[places]] for name, places in self.split.parts.items()}
        control = model in CONTROLS
        made = cell(model, "" if control else loss, seed=seed, task=task_name, **(settings or {}))
        data = data_record(
            task,
            source="hand-made",
            root="",
            split={
                "name": self.split.name,
                "seed": self.split.seed,
                "hash": self.split.hash,
                "claims_disjoint": self.split.claims_disjoint,
            },
            parts={
                name: part(len(at), **class_counts(task, self.rows.iloc[at]))
                for name, at in parts.items()
            },
            leakage=measure_leakage(self.rows, self.split.parts),
            notes=["made by hand"],
            **(about or {}),
        )
        answers = None
        if probabilities is not None:
            answers = {name: probabilities[self.split.parts[name]] for name in EVALUATED_PARTS}
        return write_run(
            self.store,
            made,
            data,
            rows=self.rows,
            task=task,
            parts=self.split.parts,
            probabilities=answers,
            task_mask=asked,
            outcome=outcome or FINISHED,
        )

    def add_perfect(self, task_names: Sequence[str] = CASCADE_TASKS, **about: Any) -> None:
        """Runs that are right about every image they are asked about, and sure of it."""
        for name in task_names:
            task = make_task(name, self.findings)
            targets = task.targets(self.rows)
            if task.kind == "multilabel" or len(task.classes) == 2:
                self.add(name, targets.astype(np.float64), **about)
            else:
                self.add(name, np.eye(len(task.classes))[targets], **about)

    def assembled(self) -> Assembled:
        """The cascades that the stored runs make up, stored too."""
        return assemble(self.store.runs(), store=self.store)

    def rows_of_findings14(self) -> dict[str, Row]:
        """The rows of the report's table for findings14, by name, once cascades are stored."""
        runs = [run for run in self.store.runs() if run.data.task == "findings14"]
        scorer = Scorer(Resampling(count=50))
        (table,) = collect(runs, scorer=scorer, reference=Reference(model="net", loss="ce"))
        return {row.name: row for row in table.rows}
