"""Progress of work, to a file, a machine, nobody or a terminal."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as RichBars

from bench.events import (
    CellFailed,
    CellFinished,
    CellSkipped,
    CellStarted,
    MatrixFinished,
    MatrixStarted,
    Note,
    TrialEnded,
    Validated,
)
from bench.progress import (
    BarProgress,
    Countdown,
    JsonProgress,
    PlainProgress,
    Progress,
    QuietProgress,
    duration,
    show_progress,
)

CELL = "tiny ce seed 0"
VALIDATED = Validated(
    cell=CELL,
    iteration=2000,
    lr=0.01,
    train_loss=0.7,
    validation_loss=0.65,
    validation_auc=0.5,
    decision="decay",
    best=True,
    train_seconds=1.0,
)
FINISHED = CellFinished(cell=CELL, seconds=61.0, test_auc=0.51234)
FAILED = CellFailed(cell=CELL, reason="[red] memory", folder="x")


class Clock:
    """A clock that is set by hand."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bench.progress.time.monotonic", lambda: clock.now)
    return clock


def test_plain_lines() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.event(MatrixStarted(steps={CELL: 4000, "tiny sin seed 0": 4000}))
    progress.event(CellStarted(cell=CELL, index=2, total=6, folder="x", resumes=True))
    progress.event(VALIDATED)
    progress.event(FINISHED)
    progress.event(FAILED)
    progress.event(CellSkipped(cell="tiny sin seed 0", index=3, total=6))
    progress.event(MatrixFinished(finished=1, already=2, unavailable=0, failed=1, elsewhere=3))
    assert stream.getvalue().splitlines() == [
        "2 trainings to do, 8,000 steps",
        "[2/6] tiny ce seed 0 (goes on where it was interrupted)",
        "    iteration  2,000  lr 0.01  loss 0.7000 / 0.6500  validation AUC 0.5000 *"
        "  -> learning rate decays",
        "    done in 61 s: test AUC 0.5123",
        "    FAILED: [red] memory",
        "[3/6] tiny sin seed 0: left to another process",
        "1 finished, 2 finished before, 0 not available, 1 failed, 3 running in another process",
    ]


def test_plain_lines_tell_the_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    for step in range(1, 3001):
        clock.now = float(step)
        progress.advance("decoding images", step, 3000)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == [
        "    decoding images: 30 of 3,000, about 50 min left",
        "    decoding images: 60 of 3,000, about 49 min left",
    ]
    assert len(lines) == 100


def test_the_time_left_is_that_of_all_trainings(clock: Clock) -> None:
    """A training that ends early takes its remaining steps out of the plan."""
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.event(MatrixStarted(steps={"a": 100, "b": 100, "c": 100}))
    for label, steps in (("a", 40), ("b", 60)):
        for step in range(1, steps + 1):
            clock.now += 1.0
            progress.advance(label, step, 100)
        progress.event(CellFinished(cell=label, seconds=steps, test_auc=0.5))
    lines = [line for line in stream.getvalue().splitlines() if "steps; in all" in line]
    assert lines[0] == "    a: 30 of 100 steps; in all 30 of 300, about 4 min left"
    # 40 of a, whose other 60 are no longer planned, and 20 of b: 180 left, a second each.
    assert lines[1] == "    b: 20 of 100 steps; in all 60 of 240, about 3 min left"
    assert progress._counting.matrix.total == 40 + 60 + 100


def test_steps_from_before_an_interruption_make_no_rate(clock: Clock) -> None:
    countdown = Countdown({"a": 1000})
    countdown.advance("a", 901)
    assert countdown.seconds_left is None
    clock.now = 20.0
    countdown.advance("a", 911)
    assert countdown.seconds_left == pytest.approx(2.0 * 89)


def test_a_piece_that_another_process_does_first_takes_no_time(clock: Clock) -> None:
    clock.now = 5000.0
    countdown = Countdown({"elsewhere": 100, "a": 100})
    countdown.end("elsewhere")
    countdown.advance("a", 1)
    clock.now = 5010.0
    countdown.advance("a", 6)
    assert countdown.seconds_left == pytest.approx(2.0 * 94)


def test_json_lines_carry_every_field_and_the_time() -> None:
    stream = io.StringIO()
    JsonProgress(stream).event(VALIDATED)
    record: dict[str, Any] = json.loads(stream.getvalue())
    assert record.pop("at_s") >= 0
    assert record == {"event": "validated", **vars(VALIDATED)}


def test_a_figure_without_a_value_is_null_in_json() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.event(CellFinished(cell=CELL, seconds=1.0, test_auc=math.nan))
    progress.event(replace(VALIDATED, validation_auc=math.nan, train_loss=math.inf))
    finished, validated = map(json.loads, stream.getvalue().splitlines())
    assert finished["test_auc"] is None
    assert (validated["validation_auc"], validated["train_loss"]) == (None, None)


def test_json_lines_tell_of_the_first_and_the_last_step_and_are_seconds_apart(
    clock: Clock,
) -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for step in range(1, 31):
        clock.now = float(step)
        progress.advance(CELL, step, 30)
        progress.advance("decoding images", step, 3000)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {record["event"] for record in records} == {"advanced"}
    assert [(r["label"], r["done"], r["total"], r["at_s"], r["seconds_left"]) for r in records] == [
        (CELL, 1, 30, 1.0, None),
        ("decoding images", 1, 3000, 1.0, None),
        (CELL, 11, 30, 11.0, 19.0),
        ("decoding images", 11, 3000, 11.0, 2989.0),
        (CELL, 21, 30, 21.0, 9.0),
        ("decoding images", 21, 3000, 21.0, 2979.0),
        (CELL, 30, 30, 30.0, 0.0),
    ]


def test_quiet_says_only_failures() -> None:
    stream = io.StringIO()
    progress = QuietProgress(stream)
    progress.event(VALIDATED)
    progress.event(Note("nothing much"))
    progress.advance(CELL, 1, 2)
    progress.event(FAILED)
    assert stream.getvalue() == "tiny ce seed 0 failed: [red] memory\n"


@pytest.mark.parametrize("end", [FINISHED, FAILED])
def test_a_bar_goes_when_its_cell_ends(end: CellFinished | CellFailed) -> None:
    """An early stop or a failure never brings the bar to its end."""
    stream = io.StringIO()
    bars = RichBars(console=Console(file=stream, width=200))
    progress = BarProgress(bars)
    progress.event(MatrixStarted(steps={CELL: 10, "another": 20}))
    progress.advance(CELL, 3, 10)
    progress.advance("decoding images", 10, 10)
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
        ("all trainings", 3, 30),
        (CELL, 3, 10),
    ]
    progress.event(end)
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
        ("all trainings", 3, 23)
    ]
    expected = "[red] memory" if end is FAILED else "test AUC 0.5123"
    assert expected in stream.getvalue()
    progress.event(CellFailed(cell="another", reason="no memory"))
    assert bars.tasks == []


def test_a_trial_is_counted_by_itself(clock: Clock) -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    ended = TrialEnded(
        cell="trial", trial=0, ended="pruned", reason="", validation_auc=0.5, done=1, used=0.1,
        budget="trials=9",
    )  # fmt: skip
    for _ in range(2):
        for step in (1, 11):
            clock.now += 30.0
            progress.advance("trial", step, 21)
        progress.event(ended)
    lines = ["    trial: 1 of 21", "    trial: 11 of 21, about 30 s left"]
    end = "    pruned: validation AUC 0.5000"
    assert stream.getvalue().splitlines() == [*lines, end, *lines, end]


@pytest.mark.parametrize(
    ("options", "terminal", "display"),
    [
        ({}, False, PlainProgress),
        ({}, True, BarProgress),
        ({"quiet": True}, True, QuietProgress),
        ({"json_log": True}, True, JsonProgress),
        ({"stream": io.StringIO()}, True, PlainProgress),
    ],
)
def test_the_display_fits_the_stream(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    terminal: bool,
    display: type[Progress],
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    with show_progress(**options) as progress:
        assert isinstance(progress, display)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (720, "12 min"), (12_600, "3.5 h"), (263_000_000, "3,044 days")],
)
def test_a_duration_has_a_unit_that_fits(seconds: int, text: str) -> None:
    assert duration(seconds) == text
