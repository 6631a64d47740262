"""TensorBoard shows real runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.config import Experiment, load_experiment
from bench.errors import InputError
from bench.events import (
    CellFailed,
    CellFinished,
    CellStarted,
    TrialEnded,
    TrialStarted,
    Validated,
)
from bench.execute.experiment import run_experiments
from bench.progress import QuietProgress
from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from bench.runs.store import Store
from bench.tracking.tracker import TensorBoard
from tests.bench.tracking.test_other_tools import Listener

CURVES = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "auc/validation": "validation_auc",
    "learning rate": "lr",
}


@pytest.fixture
def tiny(tiny_plugin: Path) -> Iterator[Experiment]:
    load_plugin(tiny_plugin)
    quick = (
        "data.options.images=160",
        "train.max_iterations=6",
        "train.validate_every=2",
        "train.batch_size=8",
    )
    changes = {"models": ["tiny"], "losses": ["ce"], "controls": []}
    yield load_experiment("demo", settings=quick, changes=changes)
    MODELS.remove("tiny")


def shown(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def validated(value: float, iteration: int = 2) -> Validated:
    return Validated(
        cell="a", iteration=iteration, lr=0.1, train_loss=value, validation_loss=value,
        validation_auc=0.5, decision="improved", best=True, train_seconds=1.0,
    )  # fmt: skip


def test_the_history_is_shown_and_every_event_passed_on(tiny: Experiment, tmp_path: Path) -> None:
    listener = Listener()
    board = TensorBoard(listener, tmp_path / "board")
    run_experiments([tiny], out=tmp_path / "runs", device=torch.device("cpu"), progress=board)
    (stored,) = Store(tmp_path / "runs").runs()
    history = pd.read_csv(stored.folder / "history.csv")
    (folder,) = (tmp_path / "board").iterdir()
    assert folder.name == stored.folder.name
    for name, column in CURVES.items():
        points = shown(folder).Scalars(name)
        assert [point.step for point in points] == history["iteration"].tolist() == [2, 4, 6]
        # TensorBoard keeps single precision.
        assert [point.value for point in points] == pytest.approx(history[column], rel=1e-6)
    (last,) = shown(folder).Scalars("auc/test")
    (finished,) = [event for event in listener.heard if isinstance(event, CellFinished)]
    assert (last.step, last.value) == (6, pytest.approx(finished.test_auc, rel=1e-6))
    assert sum(isinstance(event, Validated) for event in listener.heard) == 3


def test_a_failure_and_a_trial_are_shown(tmp_path: Path) -> None:
    board = TensorBoard(QuietProgress(), tmp_path)
    board.event(CellStarted(cell="a", index=1, total=1, folder="a-1", resumes=False))
    board.event(CellFailed(cell="a", reason="no memory"))
    started = {"cell": "a", "trial": 3, "done": 0, "settings": {}, "resumes": False}
    ended = {"cell": "a", "trial": 3, "done": 1, "used": 0.1, "budget": "trials=9", "reason": ""}
    for folder, end in (("a-2", "finished"), ("a-3", "pruned")):
        board.event(TrialStarted(**started, folder=folder))  # type: ignore[arg-type]
        board.event(validated(0.3))
        board.event(TrialEnded(**ended, ended=end, validation_auc=0.6))  # type: ignore[arg-type]
    assert "failed/text_summary" in shown(tmp_path / "a-1").Tags()["tensors"]
    (best,) = shown(tmp_path / "a-2").Scalars("auc/best validation")
    assert (best.step, best.value) == (2, pytest.approx(0.6))
    # The last AUC of a trial that was pruned is on its curve, and no best one.
    assert "auc/validation" in shown(tmp_path / "a-3").Tags()["scalars"]
    assert "auc/best validation" not in shown(tmp_path / "a-3").Tags()["scalars"]


def test_a_run_that_begins_anew_replaces_its_earlier_curve(tmp_path: Path) -> None:
    for value in (0.1, 0.2):
        board = TensorBoard(QuietProgress(), tmp_path)
        board.event(CellStarted(cell="a", index=1, total=1, folder="run", resumes=False))
        board.event(validated(value))
        board.event(validated(value, iteration=4))
        board.event(CellFailed(cell="a", reason="stopped"))
    points = shown(tmp_path / "run").Scalars("loss/train")
    assert [(point.step, round(point.value, 3)) for point in points] == [(2, 0.2), (4, 0.2)]


def test_a_missing_tensorboard_or_folder_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--tensorboard"):
        TensorBoard(QuietProgress(), tmp_path / "file" / "board")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        TensorBoard(QuietProgress(), tmp_path)
