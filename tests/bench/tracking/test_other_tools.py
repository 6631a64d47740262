"""Weights & Biases and MLflow get the curves of runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.events import (
    CellFailed,
    CellFinished,
    CellStarted,
    Event,
    Note,
    RerunEnded,
    TrialEnded,
    Validated,
)
from bench.progress import Progress, QuietProgress
from bench.tracking.tracker import EXPERIMENT, MLflow, Tracker, WeightsAndBiases

CURVES = {"loss/train": 0.5, "loss/validation": 0.4, "auc/validation": 0.75, "learning rate": 0.1}
VALIDATED = Validated(
    cell="a seed 0", iteration=0, lr=0.1, train_loss=0.5, validation_loss=0.4,
    validation_auc=0.75, decision="improved", best=True, train_seconds=1.0,
)  # fmt: skip


def track(tracker: Tracker) -> None:
    """One run that finishes, interrupted once, and one that fails."""
    for resumes, iteration in ((False, 20), (True, 40)):
        tracker.event(
            CellStarted(cell="a seed 0", index=1, total=2, folder="a-s0-1f", resumes=resumes)
        )
        tracker.event(replace(VALIDATED, iteration=iteration))
    tracker.event(CellFinished(cell="a seed 0", seconds=1.0, test_auc=0.7))
    tracker.event(CellStarted(cell="b seed 0", index=2, total=2, folder="b-s0-2f", resumes=False))
    tracker.event(CellFailed(cell="b seed 0", reason="no memory"))


@pytest.mark.slow  # the database takes half a minute to make
@pytest.mark.filterwarnings("default")
def test_mlflow_has_one_run_for_each_of_ours(tmp_path: Path) -> None:
    client = pytest.importorskip("mlflow", reason="MLflow is not installed").MlflowClient(
        uri := f"sqlite:///{tmp_path / 'mlflow.db'}"
    )
    track(MLflow(QuietProgress(), uri))
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    failed, finished = client.search_runs([experiment], order_by=["attribute.start_time DESC"])
    assert (finished.info.run_name, finished.info.status) == ("a seed 0", "FINISHED")
    assert finished.data.metrics == {**CURVES, "auc/test": 0.7}
    history = client.get_metric_history(finished.info.run_id, "auc/validation")
    assert [(point.step, point.value) for point in history] == [(20, 0.75), (40, 0.75)]
    assert (failed.info.run_name, failed.info.status) == ("b seed 0", "FAILED")
    assert failed.data.tags["failed"] == "no memory"


@pytest.mark.slow  # its own process takes seconds to start
@pytest.mark.filterwarnings("default")
def test_weights_and_biases_has_one_run_for_each_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb", reason="Weights & Biases is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    track(WeightsAndBiases(QuietProgress(), "a-group/chests"))
    assert wandb.run is None  # all are closed
    names = [path.name.rpartition("run-")[2] for path in tmp_path.glob("wandb/offline-run-*")]
    assert {name[name.index("-") + 1 :] for name in names} == {"a-s0-1f", "b-s0-2f"}
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("wandb/*/*.wandb"))
    assert all(name.encode() in kept for name in (*CURVES, "auc/test"))
    assert str(tmp_path).encode() not in kept


@pytest.mark.parametrize(
    ("module", "tracker", "message"),
    [("wandb", WeightsAndBiases, "--wandb needs"), ("mlflow", MLflow, "--mlflow needs")],
)
def test_a_missing_tool_is_the_users_to_install(
    module: str, tracker: type[Tracker], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=message):
        tracker(QuietProgress(), "here")  # type: ignore[call-arg]


class Failing(Tracker):
    """A tool that is gone after the first point; notes what it is told."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self.told: list[str] = []

    def begin(self, *, folder: str, label: str, resumes: bool) -> None:
        del label, resumes
        self.told.append(f"begin {folder}")

    def log(self, values: Mapping[str, float], step: int) -> None:
        del values
        self.told.append(f"log {step}")
        if step == 40:
            raise ConnectionError("no server")

    def fail(self, reason: str) -> None:
        self.told.append(f"fail {reason}")

    def end(self) -> None:
        self.told.append("end")


class Listener:
    """Keeps what is passed on."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def event(self, event: Event) -> None:
        self.heard.append(event)

    def advance(self, label: str, done: int, total: int) -> None:
        del label, done, total


def test_a_tool_that_fails_is_named_once_and_stops_no_training() -> None:
    listener = Listener()
    tracker = Failing(listener)
    track(tracker)
    assert tracker.told == ["begin a-s0-1f", "log 20", "end", "begin a-s0-1f", "log 40"]
    notes = [str(event) for event in listener.heard if isinstance(event, Note)]
    assert notes == ["Failing gets no more curves: ConnectionError: no server"]
    assert len(listener.heard) == 7 + len(notes)  # every event is passed on


def test_a_rerun_of_a_tuning_ends_its_run() -> None:
    tracker = Failing(Listener())
    tracker.event(CellStarted(cell="a", index=1, total=1, folder="a-1", resumes=False))
    tracker.event(RerunEnded(cell="a", validation_auc=0.5))
    assert tracker.told == ["begin a-1", "log 0", "end"]


@pytest.mark.parametrize("ended", ["finished", "pruned", "budget"])
def test_the_best_auc_is_that_of_a_trial_that_finished(ended: str) -> None:
    tracker = Failing(Listener())
    tracker.event(CellStarted(cell="a", index=1, total=1, folder="a-1", resumes=False))
    tracker.event(
        TrialEnded(
            cell="a", trial=0, ended=ended, reason="", validation_auc=0.5, done=1, used=0.1,
            budget="trials=9",
        )
    )  # fmt: skip
    logged = ["log 0"] if ended == "finished" else []
    assert tracker.told == ["begin a-1", *logged, "end"]
