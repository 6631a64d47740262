"""``bench runs`` and ``bench status``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.events import CellStarted
from bench.progress import QuietProgress
from bench.runs.store import Store
from bench.tracking.heartbeat import beating
from tests.bench.cli.conftest import Command

RUNS = Path("results/runs")


@pytest.mark.usefixtures("tiny_runs")
def test_runs_are_listed_by_name_and_pattern(bench: Command) -> None:
    lines = bench("runs", "list").out.splitlines()[2:]
    names = sorted(path.parent.name for path in RUNS.glob("*/run.json"))
    assert [line.split()[0] for line in lines] == names
    (line,) = bench("runs", "list", "tiny-*").out.splitlines()[2:]
    assert line.split()[1:5] == ["finished", "phantom", "m1", "patient"]
    (name,) = (name for name in names if name.startswith("tiny-"))
    for mistyped in ("tiny-ce", name.replace("tiny", "tyni")):
        wrong = bench("runs", "list", mistyped)
        assert (wrong.code, f"did you mean {name}?" in wrong.err) == (2, True)


@pytest.mark.usefixtures("tiny_runs")
def test_a_run_is_shown_as_yaml(bench: Command) -> None:
    (run,) = Store(RUNS).root.glob("tiny-ce-*")
    shown = yaml.safe_load(bench("runs", "show", run).out)
    assert shown == yaml.safe_load(bench("runs", "show", run.name).out)
    assert (shown["run"], shown["model"], shown["seed"]) == (run.name, "tiny", 0)
    assert shown["settings"]["train.max_iterations"] == 4
    assert shown["files"]["predictions.csv"] == (run / "predictions.csv").stat().st_size
    assert bench("runs", "show", "*").code == 2


def test_a_removed_run_is_in_no_table_and_can_come_back(
    bench: Command, tiny_runs: tuple[object, ...]
) -> None:
    assert "tiny" in bench("report", "csv").out
    (run,) = RUNS.glob("tiny-ce-*")
    content = (run / "run.json").read_bytes()
    removed = bench("runs", "remove", "tiny-*")
    there = RUNS.absolute() / "removed" / run.name
    assert (removed.code, removed.out) == (0, f"{run.name}: moved to {there}\n")
    assert "tiny" not in bench("report", "csv").out
    assert bench("doctor").code == 0
    assert "1 not begun" in bench("status").out
    assert "1 finished" in bench(*tiny_runs).out
    # A second one of the name does not replace the first.
    assert bench("runs", "remove", run.name).code == 0
    assert (RUNS / "removed" / run.name / "run.json").read_bytes() == content
    (RUNS / "removed" / run.name).rename(run)
    assert "tiny" in bench("report", "csv").out


@pytest.mark.usefixtures("tiny_runs")
def test_a_run_that_a_process_is_at_is_not_removed(bench: Command) -> None:
    (run,) = RUNS.glob("tiny-ce-*")
    with Store(RUNS).claim(run):
        left = bench("runs", "remove", run.name)
    assert (left.code, run.is_dir(), "a process is at it" in left.err) == (1, True, True)


@pytest.mark.usefixtures("tiny_runs")
def test_status_says_what_runs_and_the_table_so_far(bench: Command) -> None:
    idle = bench("status")
    assert idle.code == 0
    assert idle.out.splitlines()[:2] == ["no process is at work", "2 runs: 2 ended"]
    assert [line.split()[4] for line in idle.out.splitlines()[4:]].count("tiny") == 1
    with beating(QuietProgress(), RUNS, command="tune") as progress:
        progress.event(
            CellStarted(cell="tiny ce seed 1", index=3, total=8, folder="x", resumes=False)
        )
        busy = bench("status").out.splitlines()[0]
    assert busy.startswith("bench tune on ")
    assert busy.endswith("[3 of 8] tiny ce seed 1")
    with beating(QuietProgress(), RUNS, command="bench.run") as progress:  # bench.run() of Python
        progress.event(
            CellStarted(cell="tiny ce seed 1", index=3, total=8, folder="x", resumes=False)
        )
        assert bench("status").out.startswith("bench.run on ")


def test_status_without_runs_is_refused(bench: Command) -> None:
    assert bench("status").code == 2
