"""What work says of itself, to a file, a machine, nobody or a terminal."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as RichBars

from bench.progress import (
    BarProgress,
    JsonProgress,
    PlainProgress,
    QuietProgress,
    show_progress,
)

VALIDATED = {
    "cell": "tiny ce seed 0",
    "iteration": 2000,
    "lr": 0.01,
    "train_loss": 0.7,
    "validation_loss": 0.65,
    "validation_auc": 0.5,
    "decision": "decay",
    "best": True,
    "train_seconds": 1.0,
}


def test_plain_lines() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.event(
        "cell_started", cell="tiny ce seed 0", index=2, total=6, folder="x", resumes=True
    )
    progress.event("validated", **VALIDATED)
    progress.event("cell_finished", cell="tiny ce seed 0", seconds=61.0, test_auc=0.51234)
    progress.event("cell_failed", cell="tiny sin seed 0", reason="no more memory", folder="x")
    progress.event("matrix_finished", finished=1, already=2, unavailable=0, failed=1, elsewhere=3)
    assert stream.getvalue().splitlines() == [
        "[2/6] tiny ce seed 0 (goes on where it was interrupted)",
        "    iteration  2,000  lr 0.01  loss 0.7000 / 0.6500  validation AUC 0.5000 *"
        "  -> learning rate decays",
        "    done in 61 s: test AUC 0.5123",
        "    FAILED: no more memory",
        "1 finished, 2 finished before, 0 not available, 1 failed, 3 running in another process",
    ]


def test_plain_lines_come_at_most_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("bench.progress.time.monotonic", lambda: now)
    stream = io.StringIO()
    progress = PlainProgress(stream)
    for step in range(1, 31):
        now = float(step)
        progress.advance("decoding images", step, 3000)
    assert stream.getvalue().splitlines() == [
        "    decoding images: 10 of 3,000",
        "    decoding images: 20 of 3,000",
        "    decoding images: 30 of 3,000",
    ]


def test_json_lines_carry_every_field_and_the_time() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.event("validated", **VALIDATED)
    (line,) = stream.getvalue().splitlines()
    record: dict[str, Any] = json.loads(line)
    assert record.pop("at_s") >= 0
    assert record == {"event": "validated", **VALIDATED}


def test_json_lines_tell_of_the_first_and_the_last_step_and_are_seconds_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("bench.progress.time.monotonic", lambda: now)
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for step in range(1, 31):
        now = float(step)
        progress.advance("tiny ce seed 0", step, 30)
        progress.advance("decoding images", step, 3000)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {record["event"] for record in records} == {"advanced"}
    assert [(r["label"], r["done"], r["total"], r["at_s"]) for r in records] == [
        ("tiny ce seed 0", 1, 30, 1.0),
        ("decoding images", 1, 3000, 1.0),
        ("tiny ce seed 0", 11, 30, 11.0),
        ("decoding images", 11, 3000, 11.0),
        ("tiny ce seed 0", 21, 30, 21.0),
        ("decoding images", 21, 3000, 21.0),
        ("tiny ce seed 0", 30, 30, 30.0),
    ]


def test_json_lines_tell_of_the_first_step_of_a_piece_that_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.progress.time.monotonic", lambda: 0.0)
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for _ in range(2):
        for done in (1, 2, 3):
            progress.advance("decoding images", done, 3)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["done"] for record in records] == [1, 3, 1, 3]


def test_quiet_says_only_failures() -> None:
    stream = io.StringIO()
    progress = QuietProgress(stream)
    progress.event("validated", **VALIDATED)
    progress.advance("tiny ce seed 0", 1, 2)
    progress.event("cell_failed", cell="tiny ce seed 0", reason="no more memory", folder="x")
    assert stream.getvalue() == "tiny ce seed 0 failed: no more memory\n"


@pytest.mark.parametrize("end", ["cell_finished", "cell_failed"])
def test_a_bar_goes_when_its_cell_ends(end: str) -> None:
    """An early stop or a failure never brings the bar to its end."""
    stream = io.StringIO()
    bars = RichBars(console=Console(file=stream, width=200))
    progress = BarProgress(bars)
    progress.advance("tiny ce seed 0", 3, 10)
    progress.advance("decoding images", 10, 10)
    assert [task.description for task in bars.tasks] == ["tiny ce seed 0"]
    assert bars.tasks[0].completed == 3
    progress.event(end, cell="tiny ce seed 0", seconds=1.0, test_auc=0.5, reason="[red] memory")
    assert bars.tasks == []
    expected = "[red] memory" if end == "cell_failed" else "test AUC 0.5000"
    assert expected in stream.getvalue()


def test_the_way_fits_the_stream(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_progress() as progress:
        assert isinstance(progress, PlainProgress)
    with show_progress(quiet=True) as progress:
        assert isinstance(progress, QuietProgress)
    with show_progress(json_log=True) as progress:
        assert isinstance(progress, JsonProgress)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with show_progress() as progress:
        assert isinstance(progress, BarProgress)
    del capsys
