"""Scores are worked out once, kept, and never shown for other predictions."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.data.tasks import make_task
from bench.evaluate import scorer as module
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate
from bench.evaluate.score import RunScores
from bench.evaluate.scorer import Scorer
from bench.runs.predictions import PREDICTIONS, Outputs, Predictions
from bench.runs.run import Run
from tests.bench.evaluate.stored_runs import StoredRuns

NONE: tuple[str, ...] = ()
MASS = ("Mass",)
RESAMPLING = Resampling(count=20)


@pytest.fixture
def stored(tmp_path: Path) -> StoredRuns:
    return StoredRuns(tmp_path / "runs", findings=[NONE, MASS] * 10, validation=8)


@pytest.fixture
def run(stored: StoredRuns) -> Run:
    return stored.add("a", np.random.default_rng(0).random(20))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of test images, each time that predictions are scored and not read back."""
    images: list[int] = []
    plain = module.score_predictions

    def score(
        predictions: Mapping[str, Predictions], outputs: Outputs, resampling: Resampling
    ) -> RunScores:
        images.append(len(predictions["test"].images))
        return plain(predictions, outputs, resampling)

    monkeypatch.setattr(module, "score_predictions", score)
    return images


def same(one: Any, other: Any) -> bool:
    """Equal, arrays and NaN included."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return bool(one.shape == other.shape and np.array_equal(one, other, equal_nan=True))
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and same(vars(one), vars(other))
    return bool(one == other or (one != one and other != other))


@pytest.mark.parametrize("task", ["m1", "findings14", "m4"])
def test_what_is_read_back_is_what_was_kept(tmp_path: Path, task: str) -> None:
    findings = [("Mass",), ("Nodule",), ("Mass",), ("Hernia",)] * 6
    named = ("Mass", "Nodule", "Hernia")
    made = make_task(task) if task == "m1" else make_task(task, named)
    runs = StoredRuns(
        tmp_path / "runs",
        findings=[NONE if task == "m1" and i % 2 else f for i, f in enumerate(findings)],
        validation=8,
        task=made,
    )
    rng = np.random.default_rng(1)
    p = rng.random(24) if task == "m1" else rng.dirichlet(np.ones(3), 24)
    run = runs.add("a", p)
    kept = tmp_path / "kept"
    first = Scorer(RESAMPLING, kept=kept).score(run)
    again = Scorer(RESAMPLING, kept=kept).score(run)
    assert same(again, first)
    assert list(again.figures) == list(first.figures)


def test_a_run_is_scored_once(tmp_path: Path, run: Run, counted: list[int]) -> None:
    scorer = Scorer(RESAMPLING, kept=tmp_path / "kept")
    assert same(scorer.score(run).leading, scorer.leading(run))
    scorer.score(run)
    Scorer(RESAMPLING, kept=tmp_path / "kept").score(run)
    assert counted == [12]
    # What runs are compared by is remembered without a folder too.
    scorer = Scorer(RESAMPLING)
    scorer.score(run)
    scorer.leading(run)
    assert counted == [12, 12]


def test_other_predictions_are_scored_anew(tmp_path: Path, run: Run, counted: list[int]) -> None:
    scorer = Scorer(RESAMPLING, kept=tmp_path / "kept")
    before = scorer.score(run).figures["auc"].value
    path = run.folder / PREDICTIONS
    lines = path.read_text().splitlines()
    flipped = [
        f"{head},{1 - float(p)}" for head, _, p in (line.rpartition(",") for line in lines[1:])
    ]
    path.write_text("\n".join([lines[0], *flipped]) + "\n")
    assert scorer.score(run).figures["auc"].value == pytest.approx(1 - before)
    assert counted == [12, 12]


def test_other_resamples_are_not_mixed_up(tmp_path: Path, run: Run, counted: list[int]) -> None:
    Scorer(RESAMPLING, kept=tmp_path / "kept").score(run)
    more = Scorer(Resampling(count=30), kept=tmp_path / "kept").score(run)
    accuracy = more.figures["accuracy"]
    assert isinstance(accuracy, Estimate)
    assert len(accuracy.draws) == 30
    assert counted == [12, 12]


def test_a_damaged_file_is_made_again(tmp_path: Path, run: Run, counted: list[int]) -> None:
    kept = tmp_path / "kept"
    first = Scorer(RESAMPLING, kept=kept).score(run)
    (file,) = kept.iterdir()
    for content in (b"", b"not a pickle", pickle.dumps("else"), file.read_bytes()[:-100]):
        file.write_bytes(content)
        assert same(Scorer(RESAMPLING, kept=kept).score(run), first)
    assert counted == [12] * 5


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path, run: Run) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert Scorer(RESAMPLING, kept=in_the_way / "kept").leading(run).count == 12
