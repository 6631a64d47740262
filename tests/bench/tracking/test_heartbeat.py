"""The small files by which `bench status` sees other processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.events import CellFailed, CellFinished, CellStarted, MatrixStarted, Validated
from bench.progress import QuietProgress
from bench.tracking import heartbeat
from bench.tracking.heartbeat import FOLDER, Heartbeat, beating, read_beats

STARTED = CellStarted(cell="a", index=2, total=9, folder="a-1", resumes=False)
VALIDATED = Validated(
    cell="a", iteration=20, lr=0.1, train_loss=0.5, validation_loss=0.5, validation_auc=0.75,
    decision="improved", best=True, train_seconds=1.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _every_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS_BETWEEN_BEATS", 0.0)


def test_a_process_says_how_far_it_is_until_it_ends(tmp_path: Path) -> None:
    with beating(QuietProgress(), tmp_path, command="run") as progress:
        assert read_beats(tmp_path) == []
        assert not (tmp_path / FOLDER).exists()  # a refused command leaves nothing
        progress.event(MatrixStarted(steps={"a": 100, "b": 60}))
        progress.event(STARTED)
        progress.event(VALIDATED)
        progress.advance("a", 40, 100)
        (beat,) = read_beats(tmp_path)
        assert (beat.command, beat.pid, beat.matrix) == ("run", os.getpid(), "2 of 9")
        assert (beat.work, beat.done, beat.total) == ("a", 40, 100)
        assert (beat.all_done, beat.all_planned, beat.validation_auc) == (40, 160, 0.75)
        progress.event(CellFailed(cell="a", reason="no memory"))
        (beat,) = read_beats(tmp_path)
        assert (beat.failures, beat.all_planned) == (1, 100)  # its other steps are not taken
    assert read_beats(tmp_path) == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_the_next_cell_has_no_figures_of_the_last(tmp_path: Path) -> None:
    with beating(QuietProgress(), tmp_path, command="run") as progress:
        for event in (STARTED, VALIDATED, CellFinished(cell="a", seconds=1.0, test_auc=0.5)):
            progress.event(event)
        progress.event(CellStarted(cell="b", index=3, total=9, folder="b-1", resumes=False))
        (beat,) = read_beats(tmp_path)
        assert (beat.work, beat.done, beat.validation_auc) == ("b", 0, None)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    killed = Heartbeat(QuietProgress(), tmp_path, command="run")
    killed.event(STARTED)
    killed._lock.release()  # as the system does when it ends
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 1
    assert read_beats(tmp_path) == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_torn_file_is_no_beat(tmp_path: Path) -> None:
    with beating(QuietProgress(), tmp_path, command="run") as progress:
        progress.event(STARTED)
        (path,) = (tmp_path / FOLDER).glob("*.json")
        path.write_text(path.read_text()[:20])
        assert read_beats(tmp_path) == []
        progress.event(VALIDATED)
        assert len(read_beats(tmp_path)) == 1


def test_where_nothing_can_be_written_there_is_no_beat(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    with beating(QuietProgress(), tmp_path, command="run") as progress:
        progress.event(STARTED)
    assert (tmp_path / FOLDER).read_text() == "a file"
