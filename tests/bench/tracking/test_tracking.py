"""What a tracker hears of real runs, and what TensorBoard then shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.config import Experiment, load_experiment
from bench.errors import InputError
from bench.evaluate.scorer import Scorer
from bench.execute import run_experiment
from bench.progress import QuietProgress
from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from bench.runs.store import Store
from bench.tracking import Tracked, Tracker
from bench.tracking.tensorboard import TensorBoard

CURVES = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "auc/validation": "validation_auc",
    "learning rate": "lr",
}


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def start(self, run: str, *, label: str, resumes: bool) -> None:
        self.heard.append(("start", run, label, resumes))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.heard.append(("log", step, dict(values)))

    def finish(self, values: Mapping[str, float]) -> None:
        self.heard.append(("finish", dict(values)))

    def fail(self, reason: str) -> None:
        self.heard.append(("fail", reason))


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


def run(experiment: Experiment, out: Path, tracker: Tracker) -> None:
    progress = Tracked(QuietProgress(), tracker)
    run_experiment(experiment, out=out, device=torch.device("cpu"), progress=progress)


def test_a_tracker_hears_of_every_validation_and_of_the_end(
    tiny: Experiment, tmp_path: Path
) -> None:
    listener = Listener()
    run(tiny, tmp_path / "runs", listener)
    (stored,) = Store(tmp_path / "runs").runs()
    history = pd.read_csv(stored.folder / "history.csv")
    score = Scorer().score(stored).figures["auc"].value
    assert listener.heard == [
        ("start", stored.folder.name, "tiny ce seed 0", False),
        *(
            ("log", row["iteration"], {name: row[column] for name, column in CURVES.items()})
            for row in history.to_dict("records")
        ),
        ("finish", {"auc/test": pytest.approx(score, abs=1e-12)}),
    ]
    assert history["iteration"].tolist() == [2, 4, 6]


def test_a_tracker_hears_of_a_failure(tiny: Experiment, tmp_path: Path) -> None:
    listener = Listener()
    fast = tiny.train.model_copy(update={"lr": 1e30})
    run(tiny.model_copy(update={"train": fast}), tmp_path / "runs", listener)
    assert [heard[0] for heard in listener.heard] == ["start", "fail"]
    assert "try a smaller one" in listener.heard[-1][1]


def test_what_is_finished_already_is_not_told_again(tiny: Experiment, tmp_path: Path) -> None:
    run(tiny, tmp_path / "runs", Listener())
    again = Listener()
    run(tiny, tmp_path / "runs", again)
    assert again.heard == []


def test_a_tracker_hears_of_trials_as_of_runs() -> None:
    listener = Listener()
    progress = Tracked(QuietProgress(), listener)
    started = {"cell": "a", "trial": 3, "done": 0, "settings": {}, "continues": False}
    progress.event("trial_started", **started, folder="a-1", resumes=False)
    progress.event("trial_ended", cell="a", ended="pruned", reason="", validation_auc=0.6)
    progress.event("trial_started", **started, folder="a-2", resumes=True)
    progress.event("trial_ended", cell="a", ended="failed", reason="no memory", validation_auc=None)
    assert listener.heard == [
        ("start", "a-1", "a", False),
        ("finish", {"auc/best validation": 0.6}),
        ("start", "a-2", "a", True),
        ("fail", "no memory"),
    ]


def test_tensorboard_shows_the_history(tiny: Experiment, tmp_path: Path) -> None:
    run(tiny, tmp_path / "runs", TensorBoard(tmp_path / "board"))
    (stored,) = Store(tmp_path / "runs").runs()
    history = pd.read_csv(stored.folder / "history.csv")
    (folder,) = (tmp_path / "board").iterdir()
    assert folder.name == stored.folder.name
    shown = EventAccumulator(str(folder)).Reload()
    for name, column in CURVES.items():
        points = shown.Scalars(name)
        assert [point.step for point in points] == history["iteration"].tolist()
        # TensorBoard keeps single precision.
        assert [point.value for point in points] == pytest.approx(history[column], rel=1e-6)
    (last,) = shown.Scalars("auc/test")
    assert last.step == 6


def test_a_run_that_begins_anew_replaces_its_earlier_curve(tmp_path: Path) -> None:
    for value in (0.1, 0.2):
        board = TensorBoard(tmp_path)
        board.start("run", label="a run", resumes=False)
        board.log(2, {"loss/train": value})
        board.log(4, {"loss/train": value})
        board.fail("stopped")
    points = EventAccumulator(str(tmp_path / "run")).Reload().Scalars("loss/train")
    assert [(point.step, round(point.value, 3)) for point in points] == [(2, 0.2), (4, 0.2)]


def test_without_tensorboard_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'cxnet-bench\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--tensorboard"):
        TensorBoard(tmp_path / "file" / "board")
