"""The studies in a storage are listed and drawn; nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from bench.runs.store import Store
from bench.tuning.show import StoredStudy, described, draw
from bench.tuning.study import StudyRecord
from bench.tuning.trials import COST, FAILED, WORKER

ABOUT = StudyRecord(experiment="demo", task="m1", model="net", loss="ce", budget={"trials": 9})
SPACE = {"train.lr": FloatDistribution(0.0, 1.0), "train.patience": IntDistribution(1, 9)}


def stored(folder: Path, *states: str, **attrs: object) -> StoredStudy:
    """A study whose trials cost 6 iterations of a second and a half each."""
    study = optuna.create_study(study_name="net-ce", direction="maximize")
    for number, state in enumerate(states):
        study.add_trial(
            create_trial(
                state=TrialState[state],
                value=number / 10 if state == "COMPLETE" else None,
                params={"train.lr": number / 10, "train.patience": number + 1},
                distributions=dict(SPACE),
                user_attrs={COST: {"iterations": 6, "train_seconds": 9.0}, **attrs},
            )
        )
    return StoredStudy(study=study, about=ABOUT, trials=study.trials, signs=Store(folder))


def test_trials_spending_and_the_best_are_listed(tmp_path: Path) -> None:
    states = ("COMPLETE", "COMPLETE", "PRUNED", "FAIL")
    assert described(stored(tmp_path, *states, **{FAILED: "memory"})).splitlines() == [
        "net-ce: demo, budget trials=9",
        "    trials: 4 ended (2 finished, 1 pruned, 1 failed)",
        "    spent: 24 iterations, 36 s in training",
        "    best: validation AUC 0.1000 in trial 1",
        "    settings: lr 0.1, patience 2",
    ]
    assert described(stored(tmp_path)).splitlines()[-1] == "    best: none so far"


def test_who_is_at_what_has_not_ended_is_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    here = {"signs": store.make_id(), "name": "worker-1"}
    study = stored(tmp_path, "COMPLETE", "RUNNING", "FAIL", **{WORKER: here})
    with store.claim(tmp_path / "worker-1"):
        assert described(study).splitlines()[1:3] == [
            "    trials: 1 ended (1 finished, 0 pruned, 0 failed)",
            "    not ended: 1 running, 1 to run when the tuning is started again",
        ]
    assert "    not ended: 0 running, 2 to run when" in described(study)


def test_history_importance_and_parallel_coordinates_are_drawn(tmp_path: Path) -> None:
    names = [f"net-ce-{name}.png" for name in ("history", "importance", "parallel")]
    lines = [*draw([stored(tmp_path, *["COMPLETE"] * 3)], tmp_path / "figures")]
    assert lines == [f"wrote {tmp_path / 'figures' / name}" for name in names]
    assert [path.name for path in sorted((tmp_path / "figures").iterdir())] == names


def test_each_picture_is_named_or_why_there_is_none(tmp_path: Path) -> None:
    """No importance can be told from two equal values."""
    few = stored(tmp_path, "COMPLETE", "PRUNED")
    drawn = stored(tmp_path)
    for lr in (0.1, 0.2):
        params = {"train.lr": lr, "train.patience": 1}
        drawn.study.add_trial(create_trial(value=0.5, params=params, distributions=dict(SPACE)))
    drawn = replace(drawn, trials=drawn.study.trials)
    folder = tmp_path / "figures"
    history, importance, parallel, line = draw([drawn, few], folder)
    files = [folder / "net-ce-history.png", folder / "net-ce-parallel.png"]
    assert [history, parallel] == [f"wrote {file}" for file in files]
    assert importance.startswith("no net-ce-importance.png: ")
    assert line == "no pictures of net-ce: trials trained to their end: 1"
    assert sorted(folder.iterdir()) == files
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
