"""Tables whose pictures are drawn: hand-made runs with a training history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.results import Table
from bench.evaluate.scorer import Scorer
from bench.runs.records import Outcome, RunCosts
from bench.train.history import Validation
from tests.bench.report.runs import (
    CHANCE,
    CLASSES,
    LABELS,
    ONE_WRONG,
    PERFECT,
    VALIDATION_CLASSES,
    VALIDATION_LABELS,
    Runs,
)

HISTORY = [
    Validation(
        iteration=iteration,
        lr=0.01,
        train_loss=1.0 / iteration,
        validation_loss=2.0 / iteration,
        validation_auc=auc,
        decision=decision,
        best=best,
        train_seconds=iteration / 10,
    )
    for iteration, auc, decision, best in (
        (10, 0.6, "improved", True),
        (20, 0.8, "decay", True),
        (30, 0.7, "waiting", False),
        (40, 0.75, "decay", False),
    )
]
TEST_LABELS = np.array(
    [[0.1, 0.2, 0.1], [0.9, 0.3, 0.1], [0.2, 0.8, 0.2], [0.8, 0.4, 0.3], [0.7, 0.1, 0.1], [0.3] * 3]
)
TEST_CLASSES = np.array([[0.8, 0.1, 0.1]] * 4 + [[0.2, 0.7, 0.1]] * 2)


def finished(parameters: int, seconds: float, speed: float | None) -> Outcome:
    """A network's end, at these costs."""
    return Outcome(
        state="finished",
        costs=RunCosts(
            parameters=parameters,
            multiply_adds=10,
            train_seconds=seconds,
            images_per_second=100.0,
            iterations=40,
            best_iteration=20,
            inference_images_per_second=speed,
        ),
    )


def with_history(runs: Runs) -> None:
    """Give every network the same history."""
    for run in runs.store.runs():
        if run.cell.kind == "network":
            runs.store.write_history(run.folder, HISTORY)


def the_table(runs: Runs) -> Table:
    """Few resamples are enough for pictures."""
    scorer = Scorer(Resampling(count=100))
    (table,) = collect(runs.store.runs(), scorer=scorer)
    return table


def make_two_classes(root: Path) -> Table:
    """Two networks, one of them the reference with two seeds, a control, and one that failed."""
    runs = Runs(root)
    runs.add("cxnet_m1", ONE_WRONG, loss="sin", outcome=finished(1000, 30.0, 500.0))
    runs.add("cxnet_m1", PERFECT, loss="sin", seed=1, outcome=finished(1000, 50.0, 700.0))
    runs.add("resnet18", PERFECT, outcome=finished(5000, 20.0, 900.0))
    runs.add("prior", CHANCE)
    runs.add("vgg", loss="ce", outcome=Outcome(state="failed", reason="out of memory"))
    with_history(runs)
    return the_table(runs)


def make_labels(root: Path) -> Table:
    """Three findings, of which no test image has the last."""
    runs = Runs(root)
    answers = {"validation": VALIDATION_LABELS, "test": TEST_LABELS}
    runs.add_answers(LABELS, "cxnet_m1", answers, loss="sin")
    runs.add_answers(LABELS, "resnet18", answers | {"test": 1.0 - TEST_LABELS})
    runs.add_answers(LABELS, "prior", {"validation": VALIDATION_LABELS, "test": TEST_LABELS * 0.5})
    return the_table(runs)


def make_classes(root: Path) -> Table:
    """Three classes, of which each image has one."""
    runs = Runs(root)
    runs.add_answers(CLASSES, "resnet18", {"validation": VALIDATION_CLASSES, "test": TEST_CLASSES})
    return the_table(runs)


def make_many(root: Path) -> Table:
    """More networks than there are colours."""
    runs = Runs(root)
    for number in range(15):
        better = number % 7 / 10.0
        runs.add(
            f"network_{number}",
            [0.1, 0.2, 0.5, 0.3 + better, 0.4 + better, 0.05 + better],
            outcome=finished(1000 + 10 * number, 5.0 + number, 10.0 + number),
        )
    runs.add("cxnet_m1", ONE_WRONG, loss="sin", outcome=finished(900, 4.0, 9.0))
    runs.add("prior", CHANCE)
    with_history(runs)
    return the_table(runs)


def _fixture(name: str, make: Callable[[Path], Table]) -> Any:
    def made(tmp_path_factory: pytest.TempPathFactory) -> Table:
        return make(tmp_path_factory.mktemp(name))

    return pytest.fixture(made, scope="package", name=name)


two_classes = _fixture("two_classes", make_two_classes)
labels = _fixture("labels", make_labels)
classes = _fixture("classes", make_classes)
many = _fixture("many", make_many)
