"""Hand-made runs of an experiment with a question, whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import Experiment
from bench.data.study import study_rows
from bench.data.tasks import Task, make_task
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.effects import answer_questions
from bench.evaluate.question_result import QuestionResult
from bench.evaluate.scorer import Scorer
from bench.runs.records import Outcome
from bench.runs.run import EVALUATED_PARTS
from bench.runs.store import Store
from tests.bench.evaluate.reference import auc
from tests.bench.records import FINISHED, cell, class_counts, data_record, part, write_run

IMAGES = 40  # two of each patient; every second patient is abnormal
NAMED = ("Mass", "Nodule", "Hernia")  # nobody has the last
FAILED = Outcome(state="failed", reason="OutOfMemoryError: 2 GiB")


def experiment(**changes: Any) -> Experiment:
    """Two networks and two losses, no control, and whether sin is above ce."""
    given: dict[str, Any] = {
        "name": "asked",
        "description": "a question",
        "data": {"source": "nih", "root": "somewhere/nih"},
        "models": ["one", "two"],
        "losses": ["ce", "sin"],
        "controls": [],
        "question": asking({"loss": "ce"}),
    }
    return Experiment.model_validate(given | changes)


def asking(references: dict[str, Any]) -> dict[str, Any]:
    """A question, by the keys of its factors."""
    return {
        "asks": "Is sin better?",
        "yes_if": "sin is above ce.",
        "factors": [{"key": key, "reference": level} for key, level in references.items()],
    }


def scores(wrong: int) -> list[float]:
    """Scores of the images, of which the first ``wrong`` normal ones are called abnormal."""
    given = [0.2 + 0.6 * target for target in targets()]
    normal = [place for place, target in enumerate(targets()) if not target]
    for place in normal[:wrong]:
        given[place] = 0.9
    return given


def targets() -> list[int]:
    return [(image // 2) % 2 for image in range(IMAGES)]


def auc_of(wrong: int) -> float:
    """The AUC of :func:`scores`."""
    return auc(targets(), scores(wrong))


class QuestionRuns:
    """A store to which hand-made runs and records are added."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self._added: list[Path] = []

    def add(
        self,
        model: str,
        loss: str = "",
        *,
        wrong: int | None = None,
        values: Sequence[Sequence[float]] | None = None,
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        outcome: Outcome | None = None,
        fingerprint: str = "f",
        split: str = "patient",
        first_image: int = 0,
        task: Task | None = None,
        notes: Sequence[str] = ("made by hand",),
    ) -> None:
        """Add a network, or a control where no loss is given.

        Args:
            wrong: normal images called abnormal; none of them has predictions without it.
            values: probabilities of a task with several outputs instead.
            settings: the cell's ``data``.
            train, options: the cell's ``train`` and the model's options.
            first_image: moves the names of images and patients.
        """
        task = task or make_task("m1")
        rows = study_rows(
            {
                "image": [f"{first_image + image:03d}.png" for image in range(IMAGES)],
                "patient": [str((first_image + image) // 2) for image in range(IMAGES)],
                "findings": [NAMED[:1] if target else () for target in targets()],
            }
        )
        counts = class_counts(task, rows)
        about = data_record(
            task,
            root="nih",
            fingerprint=fingerprint,
            split={"name": split, "seed": 0, "hash": split, "claims_disjoint": False},
            parts={
                "train": part(100, **counts),
                "validation": part(IMAGES, **counts),
                "test": part(IMAGES, IMAGES // 2, **counts),
            },
            notes=notes,
        )
        data = {"split": split} | (settings or {})
        made = cell(
            model,
            loss,
            seed=seed,
            task=task.name,
            data=data,
            model={"options": options or {}},
            train=train or {},
        )
        if values is None and wrong is not None:
            values = [[1 - p, p] for p in scores(wrong)]
        answers = None if values is None else dict.fromkeys(EVALUATED_PARTS, np.array(values))
        folder = write_run(
            self.store,
            made,
            about,
            rows=rows,
            task=task,
            parts=dict.fromkeys(EVALUATED_PARTS, np.arange(IMAGES)),
            probabilities=answers,
            outcome=outcome or FINISHED,
        )
        self._added.append(folder)

    def record(self, wanted: Experiment) -> None:
        """Note that the runs added since the last record belong to an experiment."""
        self.store.record_experiment(wanted, self._added)
        self._added = []

    def answers(self) -> list[QuestionResult]:
        scorer = Scorer(Resampling(count=200))
        return answer_questions(self.store.runs(), self.store.experiments(), scorer=scorer)

    def answer(self) -> QuestionResult:
        (answer,) = self.answers()
        return answer


def cross(
    stored: QuestionRuns, wrong: dict[tuple[str, str], int | None], *, seeds: Iterable[int] = (0,)
) -> None:
    """Add a network for each model and loss; one that failed where there is no count."""
    for (model, loss), count in wrong.items():
        for seed in seeds:
            outcome = FAILED if count is None else None
            stored.add(model, loss, wrong=count, seed=seed, outcome=outcome)
