"""Weights & Biases and MLflow get the curves of runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.events import CellFailed, CellFinished, CellStarted, Validated
from bench.progress import QuietProgress
from bench.tracking import MLflow, Tracker, WeightsAndBiases
from bench.tracking.mlflow import EXPERIMENT

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
    assert all(name.encode() in kept for name in (*CURVES, "auc/test", "no memory"))


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
