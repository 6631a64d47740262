"""Hand-made runs whose figures can be worked out by hand."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cache import cache_dir
from bench.data.description import DataRecord
from bench.data.study import study_rows
from bench.data.tasks import Task, make_task
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.results import Reference, Results, Table
from bench.evaluate.scorer import Scorer
from bench.report import FORMATS, columns
from bench.report.sections import sections
from bench.runs.records import ImportRecord, Outcome, RunCosts
from bench.runs.run import Unfinished
from bench.runs.store import Store
from tests.bench.records import (
    ENVIRONMENT,
    cell,
    class_counts,
    data_record,
    imported_cell,
    part,
    write_run,
)

PARTS = {"validation": np.arange(4), "test": np.arange(4, 10)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Ten images and a question about them.

    Attributes:
        findings: of validation images 0..3 and test images 4..9.
    """

    task: Task
    findings: tuple[tuple[str, ...], ...]

    @property
    def rows(self) -> pd.DataFrame:
        """The study table."""
        return study_rows(
            {
                "image": [f"{i}.png" for i in range(10)],
                "patient": [str(i // 2) for i in range(10)],
                "findings": self.findings,
            }
        )

    @property
    def classes(self) -> dict[str, dict[str, int]]:
        """Images of each class in each part, as the data's description counts them."""
        return {part: class_counts(self.task, self.rows.iloc[rows]) for part, rows in PARTS.items()}


COMPARISON = "Comparison"
NONE: tuple[str, ...] = ()
MASS, NODULE, BOTH = ("Mass",), ("Nodule",), ("Mass", "Nodule")
NAMED = ("Mass", "Nodule", "Hernia")  # Nobody has the last.
# Tested are: normal, normal, normal, abnormal, abnormal, abnormal.
M1 = Case(
    task=make_task("m1"),
    findings=(NONE, NONE, MASS, MASS, NONE, NONE, NONE, MASS, MASS, MASS),
)
M2 = Case(task=make_task("m2"), findings=(MASS, MASS, BOTH, BOTH, *[MASS] * 3, *[BOTH] * 3))
LABELS = Case(
    task=make_task("findings14", NAMED),
    findings=(NONE, MASS, NODULE, BOTH, NONE, MASS, NODULE, BOTH, MASS, NONE),
)
CLASSES = Case(
    task=make_task("m4", NAMED),
    findings=(MASS, NODULE, MASS, NODULE, MASS, MASS, MASS, NODULE, NODULE, NODULE),
)
VALIDATION = [0.1, 0.2, 0.8, 0.9]
PERFECT = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
ONE_WRONG = [0.1, 0.1, 0.6, 0.4, 0.9, 0.9]  # AUC 8/9, accuracy 4/6
CHANCE = [0.5] * 6
# Of Mass, Nodule and Hernia. The validation thresholds of LABELS are 0.5, 0.5 and 0.6.
VALIDATION_LABELS = np.array([[0.1, 0.1, 0.2], [0.9, 0.1, 0.2], [0.1, 0.9, 0.2], [0.9, 0.9, 0.2]])
VALIDATION_CLASSES = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]] * 2)
RESAMPLING = Resampling()  # whose draws serve all tests
TRAINING: dict[str, Any] = {"max_iterations": 6000, "validate_every": 100}


def data(case: Case = M1, **changes: Any) -> DataRecord:
    classes = case.classes
    pair = {
        "earlier": "train",
        "later": "test",
        "later_images": 6,
        "shared_patients": 1,
        "images_of_shared_patients": 2,
        "unknown_patients": 0,
        "identical_images": 0,
    }
    made: dict[str, Any] = {
        "split": {"name": "image", "seed": 0, "hash": "a" * 64, "claims_disjoint": False},
        "parts": {
            "train": part(12, **classes["test"]),
            "validation": part(4, 2, **classes["validation"]),
            "test": part(6, 3, **classes["test"]),
        },
        "leakage": [pair],
        "identical_images": 4,
        "notes": ["6 of the 10 images are here"],
        "skipped": {"truncated": ["a.png", "b.png"]},
    }
    return data_record(case.task, **made | changes)


def imported(*, validation: int = 4, test: int = 6, **changes: Any) -> dict[str, Any]:
    """The record of a file of predictions for so many images of each part."""
    given = {
        "file": "theirs.csv",
        "digest": "d" * 64,
        "combine": None,
        "images": {"validation": validation, "test": test},
        "of": {"validation": 4, "test": 6},
        "ignored": 0,
    }
    return given | changes


def is_control(model: str) -> bool:
    return model in ("prior", "metadata")


class Runs:
    """A store to which hand-made runs are added."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)

    def add(self, model: str, test: list[float] | None = None, **options: Any) -> str:
        """A run of task m1.

        Args:
            test: probability of abnormal for each test image; None for a run without answers.

        Returns:
            The name of its folder.
        """
        answers = None
        if test is not None:
            abnormal = {"validation": [0.5] * 4 if is_control(model) else VALIDATION, "test": test}
            answers = {part: np.array(p) for part, p in abnormal.items()}
        return self.add_answers(M1, model, answers, **options)

    def add_answers(
        self,
        case: Case,
        model: str,
        answers: dict[str, NDArray[np.float64]] | None,
        *,
        loss: str = "ce",
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        outcome: Outcome | None = None,
        about: DataRecord | None = None,
        environment: dict[str, Any] | None = None,
        imported: dict[str, Any] | None = None,
        parts: dict[str, NDArray[np.int64]] = PARTS,
    ) -> str:
        """A run of any task, with its probabilities of each output for both parts."""
        network = not is_control(model) and imported is None
        record = ImportRecord.model_validate(imported) if imported else None
        made = (
            imported_cell(model, record, task=case.task.name)
            if record
            else cell(
                model,
                loss if network else "",
                seed=seed,
                task=case.task.name,
                **(settings or {}),
            )
        )
        costs = RunCosts(
            parameters=1234567,
            multiply_adds=10,
            train_seconds=61.0 + seed,
            images_per_second=100.0,
            iterations=5,
            best_iteration=5,
            inference_images_per_second=800.0,
        )
        finished = Outcome(state="finished", costs=costs if network else None)
        return write_run(
            self.store,
            made,
            about or data(case),
            rows=case.rows,
            task=case.task,
            parts=parts,
            probabilities=answers,
            outcome=outcome or finished,
            environment=ENVIRONMENT.model_copy(update=environment or {}),
            imported=record,
        ).name

    def tables(self, *, reference: Reference | None = None) -> list[Table]:
        """The tables; a run is scored once, however often a test asks."""
        scorer = Scorer(RESAMPLING, kept=cache_dir() / "scores")
        tunings = self.store.tunings()
        return collect(self.store.runs(), scorer=scorer, tunings=tunings, reference=reference)

    def text(
        self,
        name: str,
        *,
        unfinished: Sequence[Unfinished] = (),
        reference: Reference | None = None,
    ) -> str:
        """The report in one of the formats."""
        tables = tuple(self.tables(reference=reference))
        return FORMATS[name](Results(tables=tables, unfinished=tuple(unfinished)))

    def markdown(self, *, reference: Reference | None = None) -> str:
        return self.text("markdown", reference=reference)

    def results(self, **changes: Any) -> Results:
        """Results of the runs, with the default reference."""
        return Results(tables=tuple(self.tables()), **changes)

    def section(self, title: str, *, reference: Reference | None = None) -> columns.Section:
        """The one section, of the one table that has it, whose title begins so."""
        (section,) = [
            section
            for table in self.tables(reference=reference)
            for section in sections(table)
            if section.title.startswith(title)
        ]
        return section

    def grid(self, title: str, *, reference: Reference | None = None) -> list[list[str]]:
        """The cells, heads first, of a section as text, the best of a column in asterisks."""
        columns = self.section(title, reference=reference).columns
        return [
            [column.head for column in columns],
            *(
                [shown(cell) for cell in row]
                for row in zip(*(c.cells for c in columns), strict=True)
            ),
        ]

    def notes(self, title: str = COMPARISON, *, reference: Reference | None = None) -> str:
        """The sentences on a section, one a line."""
        return "\n".join(self.section(title, reference=reference).notes) + "\n"

    def row(
        self, model: str, title: str = COMPARISON, *, reference: Reference | None = None
    ) -> dict[str, str]:
        """The cells, by their heads, of the row of a table that the model names."""
        heads, *rows = self.grid(title, reference=reference)
        (row,) = [row for row in rows if row[0] == model]
        return dict(zip(heads, row, strict=True))

    def csv(self) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(self.text("csv")), keep_default_na=False)


def shown(cell: columns.Cell) -> str:
    """``**0.812** (0.800–0.824) †``."""
    text = f"**{cell.text}**" if cell.bold else cell.text
    return " ".join(filter(None, [text, f"({cell.detail})" if cell.detail else "", cell.mark]))
