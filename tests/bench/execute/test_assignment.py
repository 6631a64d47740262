"""Assignments travel as pickles; a worker leaves its runs with their scores."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch

from bench.config import load_experiment
from bench.evaluate import scorer
from bench.evaluate.scorer import Scorer
from bench.events import MatrixFinished
from bench.execute.assignment import assignment_of
from bench.execute.executors import Executor, Workers
from bench.execute.experiment import run_experiments
from bench.execute.matrix import Ending, Numbered
from bench.execute.work import Work
from bench.execute.worker import Worker
from bench.progress import Progress, QuietProgress
from bench.registry.plugins import load_plugins
from bench.runs.store import Store

QUICK = (
    "losses=[ce]",
    "model.both=[]",
    "controls=[prior,brightness]",
    "data.image_size=32",
    "data.options.images=200",
    "train.max_iterations=1",
    "seeds=[0]",
)


@contextmanager
def one_worker(_: Executor, work: Work, __: Progress) -> Iterator[Workers]:
    """A worker in this process, which gets its assignments as another one would."""

    def execute(cells: Sequence[Numbered]) -> Iterator[Ending]:
        worker = Worker(work)
        for cell in cells:
            assignment = pickle.loads(pickle.dumps(assignment_of(cell, work.out / "events")))
            yield assignment.run(worker)

    yield Workers(execute=execute)


@pytest.fixture
def run(
    registries_kept: None, tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], MatrixFinished]:
    """Runs a network and two controls by such a worker."""
    del registries_kept
    load_plugins([tiny_plugin])
    monkeypatch.setattr(Executor, "started", one_worker)
    experiment = load_experiment("demo", settings=QUICK, changes={"models": ["tiny"]})
    return partial(
        run_experiments,
        [experiment],
        out=tmp_path,
        device=torch.device("cpu"),
        progress=QuietProgress(),
    )


def test_a_worker_leaves_scores_for_reports(
    run: Callable[[], MatrixFinished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run().finished == 3
    computed = [Scorer().score(run) for run in Store(tmp_path).runs()]

    def never(*_: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(scorer, "score_predictions", never)
    kept = [Scorer.with_cache().score(run) for run in Store(tmp_path).runs()]
    assert [each.leading.auc.value for each in kept] == [
        each.leading.auc.value for each in computed
    ]


def test_a_run_that_cannot_be_scored_is_finished(
    run: Callable[[], MatrixFinished], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no score")

    monkeypatch.setattr(scorer, "score_predictions", fails)
    done = run()
    assert (done.finished, done.failed) == (3, 0)
