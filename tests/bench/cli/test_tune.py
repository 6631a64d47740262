"""``bench tune`` and ``bench tunings`` as a user has them: tuned, shared, killed, listed, drawn."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from optuna.trial import FrozenTrial

from bench.randomness import generator
from bench.runs.store import Store
from bench.tuning.show import StoredStudy
from bench.tuning.trials import WORKER, was_interrupted
from tests.bench.cli.conftest import TINY, Command, assert_refused, finish
from tests.bench.tuning.conftest import Tune, facts
from tests.forked import Forked, start_bench

RUNS = Path("results/runs")


CONFIG = """
name: tiny
description: Synthetic radiographs in the paper's recipe.
data: {source: phantom, validation_fraction: 0.15, test_fraction: 0.25}
models: [tiny]
losses: [ce]
model: {pretrained: false}
"""


def tiny_tuning(plugin: Path, *more: object) -> tuple[object, ...]:
    config = plugin.with_name("tiny.yaml")
    config.write_text(CONFIG)
    return (
        "tune", "tiny", "--plugin", plugin, "--config", config, *TINY,
        "--set", "train.max_iterations=6",
        "--set", "controls=[prior]", "--loss", "ce", "--seeds", "0", *more,
    )  # fmt: skip


def check_whole(out: Path, *, budget: int) -> list[FrozenTrial]:
    """Every point is evaluated once, with its whole history, and the winner was run."""
    trials = Tune(out).trials()
    assert all(trial.state.is_finished() for trial in trials)
    evaluated = [t for t in trials if t.intermediate_values and not was_interrupted(t)]
    assert len({tuple(trial.params.values()) for trial in evaluated}) == len(evaluated) == budget
    (study,) = (out / "tuning" / "trials").iterdir()
    histories = [pd.read_csv(file) for file in sorted(study.glob("tiny-ce-s1000-*/history.csv"))]
    assert len(histories) == budget
    expected = sorted(tuple(history["validation_auc"]) for history in histories)
    reported = sorted(tuple(trial.intermediate_values.values()) for trial in evaluated)
    assert [pytest.approx(values) for values in reported] == expected
    for history in histories:
        assert history["iteration"].tolist() == list(range(2, 2 * len(history) + 1, 2))
    assert len(list(study.glob("tiny-ce-s1000-*/run.json"))) == budget
    assert not list(study.glob("*/*.pt"))
    (record,) = Store(out).tunings()
    assert record.spent.trials == budget
    finished = {run.folder.name for run in Store(out).runs() if run.outcome.state == "finished"}
    assert set(record.runs) <= finished
    return trials


def kill_after(process: Forked, *, events: int, seconds: float) -> None:
    """Kill a process some moments after it has said so many things of its trials."""
    for line in process.stdout:
        events -= json.loads(line)["event"] in ("trial_started", "validated", "trial_ended")
        if events <= 0:
            time.sleep(seconds)
            break
    process.kill()
    assert finish(process).code == -9


def draw_nothing(studies: list[StoredStudy], folder: Path) -> list[str]:
    """A line a study instead of its pictures, which tests/bench/tuning/test_show.py draws."""
    return [f"wrote {folder}/{stored.study.study_name}.png" for stored in studies]


def test_tuned_shown_drawn_and_not_done_again(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.tuning.show.draw", draw_nothing)
    command = tiny_tuning(tiny_plugin, "--budget", "trials=3", "--set", "train.momentum=0.5")
    first = bench(*command)
    assert first.code == 0
    assert "tuning tiny ce: 3 trials\n" in first.out
    assert "[2 done] tiny ce seed 1000, trial=2: recipe " in first.out
    assert "of 3 (3 finished, 0 pruned, 0 failed; 18 iterations, " in first.out
    assert first.out.splitlines()[-1] == "the table: bench report markdown"

    again = bench(*command)
    assert "0 finished, 2 finished before" in again.out
    assert "trial=" not in again.out

    shown = bench("tunings", "--figures", "pictures")
    assert (shown.code, shown.err.count("wrote pictures/tiny-ce-")) == (0, 1)
    lines = shown.out.splitlines()
    assert lines[0].startswith("tiny-ce-")
    assert lines[1] == "    trials: 3 ended (3 finished, 0 pruned, 0 failed)"
    assert lines[4].startswith("    settings: recipe ")
    (record,) = Store(RUNS).tunings()
    won = f"    won: mean validation AUC {record.validation_auc:.4f}, trial {record.trial}"
    assert lines[5] == won
    assert "momentum" not in shown.out  # it was set, and so not searched
    assert bench("tunings", "tiny", "--loss", "ce").out == shown.out
    assert_refused(bench("tunings", "cxnet_m1"), "no tuning of cxnet_m1")


SEARCHED = """
import torch
from bench import register_model
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

@register_model("searched", description="has a space of its own", search={search})
def searched(*, in_channels, outputs, image_size, width=4):
    return torch.nn.Sequential(
        torch.nn.Conv2d(in_channels, width, 5, stride=4), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(width, outputs))
"""


def test_a_plugin_declares_what_is_searched(bench: Command, tiny_plugin: Path) -> None:
    search = (
        "{'model.options.searched.width': CategoricalDistribution((2, 4, 8)),"
        " 'paper: train.lr': FloatDistribution(0.01, 0.02), 'train.momentum': None,"
        " 'train.batch_size': IntDistribution(4, 8)}"
    )
    Path("searched.py").write_text(SEARCHED.replace("{search}", search))
    command = tiny_tuning(tiny_plugin, "searched", "--plugin", "searched.py", "--loss", "ce")
    done = bench(*(word for word in command if word != "tiny"), "--budget", "trials=1")
    assert (done.code, done.err) == (0, "")
    (record,) = Store(RUNS).tunings()
    assert record.searched == {
        "train.recipe": "paper or modern",
        "paper: train.lr": "0.01 to 0.02",
        "paper: train.decay_factor": "2.0, 5.0 or 10.0",
        "paper: train.patience": "1 to 4, whole",
        "paper: train.weight_decay": "0.0, 1e-05, 0.0001, 0.001 or 0.01",
        "paper: model.options.searched.width": "2, 4 or 8",
        "modern: train.lr": "1e-05 to 0.001, log",
        "modern: train.weight_decay": "0.001 to 0.1, log",
        "modern: train.warmup": "0 to 0.2",
        "modern: train.augment": "none or light",
        "modern: model.options.searched.width": "2, 4 or 8",
    }  # the batch size was set on the command line


def test_a_space_that_cannot_be_searched_is_told_in_a_line(
    bench: Command, tiny_plugin: Path
) -> None:
    search = "{'lr': FloatDistribution(0, 1)}"
    Path("searched.py").write_text(SEARCHED.replace("{search}", search))
    command = tiny_tuning(tiny_plugin, "searched", "--plugin", "searched.py")
    refused = bench(*(word for word in command if word != "tiny"))
    assert_refused(refused, "search key 'lr' cannot be searched")
    assert not RUNS.exists()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--budget", "20"), "write trials=20"),
        (("--seeds", "1000"), "seed 1000 is that of the trials"),
        (("--storage", "postgresql+psycopg://me:hush@127.0.0.1:1/db"), "Connection refused"),
        (("--set", "vary.train.lr=[0.1, 0.2]"), "a tuning is of one level"),
        (("--quiet", "--json-log"), "exclude one another"),
        (("--set", "train=1"), "train: Input should be a mapping"),
    ],
)
def test_a_mistake_is_a_line(
    bench: Command, tiny_plugin: Path, more: tuple[str, ...], reason: str
) -> None:
    refused = bench(*tiny_tuning(tiny_plugin, *more))
    assert_refused(refused, reason)
    assert "hush" not in refused.err


def test_a_model_without_a_winner_ends_with_exit_code_1(bench: Command, tiny_plugin: Path) -> None:
    undefined = Path("undefined.py")
    undefined.write_text(
        "import torch\nfrom bench import register_loss\n"
        "class Undefined(torch.nn.Module):\n"
        "    def forward(self, logits, targets):\n"
        "        return logits.sum() * (1.0 if logits.is_leaf else float('nan'))\n"
        "@register_loss('undefined', description='no number of a network')\n"
        "def undefined(*, kind, class_weights=None):\n    return Undefined()\n"
    )
    command = tiny_tuning(tiny_plugin, "--plugin", undefined, "--loss", "undefined", "--quiet")
    failed = bench(*command, "--budget", "trials=2")
    assert failed.code == 1
    assert failed.err.startswith("tiny undefined failed: none of 2 trials was trained to its end; ")
    assert "the training loss is nan" in failed.err
    assert failed.err.count("\n") == 1
    assert [record.loss for record in Store(RUNS).tunings()] == ["ce"]
    shown = bench("tunings", "--loss", "undefined").out
    assert shown.splitlines()[-1] == "    best: none so far"


def run_workers(
    plugin: Path, *, budget: int, kills: list[tuple[int, float]], workers: int
) -> list[FrozenTrial]:
    """Start workers together, kill them in turn, and go on until nothing is left to do."""
    command = tiny_tuning(plugin, "--budget", f"trials={budget}", "--json-log", "--device", "cpu")
    for at in range(0, len(kills), workers):
        begun = [start_bench(*command, cwd=Path.cwd()) for _ in kills[at : at + workers]]
        for process, (events, seconds) in zip(begun, kills[at : at + workers], strict=True):
            kill_after(process, events=events, seconds=seconds)
    begun = [start_bench(*command, cwd=Path.cwd()) for _ in range(workers)]
    for process in begun:
        outcome = finish(process)
        assert (outcome.code, outcome.err) == (0, "")
    return check_whole(RUNS, budget=budget)


def draw_kills(seed: int, count: int) -> list[tuple[int, float]]:
    draw = generator(seed, "kills")
    return [(int(draw.integers(1, 9)), float(draw.uniform(0, 0.1))) for _ in range(count)]


def test_one_of_two_workers_is_killed_and_the_other_ends_all_trials(
    tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short form of the two below."""
    monkeypatch.chdir(tmp_path)
    command = tiny_tuning(tiny_plugin, "--budget", "trials=8", "--json-log", "--device", "cpu")
    killed, other = (start_bench(*command, cwd=tmp_path) for _ in range(2))
    kill_after(killed, events=4, seconds=0.0)  # it has ended a trial; not all of them for long
    outcome = finish(other)
    assert (outcome.code, outcome.err) == (0, "")
    trials = check_whole(RUNS, budget=8)
    assert sum(map(was_interrupted, trials)) <= 1
    assert len({t.user_attrs[WORKER]["name"] for t in trials if WORKER in t.user_attrs}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_five_times_all_trials_are_there_once(
    bench: Command, tiny_plugin: Path, seed: int
) -> None:
    kills = draw_kills(seed, 5)
    killed = run_workers(tiny_plugin, budget=16, kills=kills, workers=1)
    straight = bench(*tiny_tuning(tiny_plugin, "--budget", "trials=16", "--out", "straight"))
    assert straight.code == 0
    assert facts(killed) == facts(Tune(Path("straight")).trials())


@pytest.mark.slow
def test_two_workers_killed_again_and_again_have_all_trials_once(
    tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_workers(tiny_plugin, budget=24, kills=draw_kills(7, 6), workers=2)
