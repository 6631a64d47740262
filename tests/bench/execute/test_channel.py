"""Events that pass from a worker to its parent by a file."""

from __future__ import annotations

from pathlib import Path

from bench.events import CellFinished, CellStarted, Event, Note, TrialStarted
from bench.execute.channel import EventFile, EventReader, opened_channel

STARTED = CellStarted(cell="a", index=1, total=2, folder="a-1", resumes=False)


class Recorder:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def event(self, event: Event) -> None:
        self.told.append(event)

    def advance(self, label: str, done: int, total: int) -> None:
        self.told.append((label, done, total))


def test_everything_arrives_in_order_and_once(tmp_path: Path) -> None:
    recorder = Recorder()
    with opened_channel(tmp_path, recorder) as channel:
        path = channel.new_file()
        channel.read(path)
        worker = EventFile(path)
        trial = TrialStarted(
            cell="a", trial=1, done=0, settings={"train.lr": 0.1}, folder="x", resumes=True
        )
        finished = CellFinished(cell="a", seconds=1.0, test_auc=float("inf"))
        worker.event(STARTED)
        worker.advance("a", 1, 2)
        channel.follow()
        worker.event(trial)
        worker.advance("a", 2, 2)
        worker.event(finished)
        channel.follow()
        channel.close(path)
    assert recorder.told == [STARTED, ("a", 1, 2), trial, ("a", 2, 2), finished]
    assert list((tmp_path / ".status").iterdir()) == []


def test_steps_between_the_first_and_the_last_are_thinned_out(tmp_path: Path) -> None:
    path, recorder = tmp_path / "events", Recorder()
    worker = EventFile(path)
    for step in range(1, 101):
        worker.advance("a", step, 100)
    EventReader(path).pass_on(recorder)
    assert recorder.told[0] == ("a", 1, 100)
    assert recorder.told[-1] == ("a", 100, 100)
    assert len(recorder.told) < 50


def test_what_is_no_event_is_passed_over(tmp_path: Path) -> None:
    path, recorder = tmp_path / "events", Recorder()
    path.write_bytes(
        b'not json\n[]\n{"event": "Note"}\n{"event": "print", "fields": {"text": "x"}}\n'
        b'{"event": "step", "fields": {}}\n'
        b'{"event": "Note", "fields": {"other": 1}}\n\xff\n'
    )
    EventFile(path).event(Note("kept"))
    with path.open("ab") as file:
        file.write(b'{"event": "Note", "fie')
    reader = EventReader(path)
    reader.pass_on(recorder)
    assert recorder.told == [Note("kept")]
    with path.open("ab") as file:
        file.write(b'lds": {"text": "torn"}}\n')
    reader.pass_on(recorder)
    assert recorder.told == [Note("kept"), Note("torn")]


def test_files_of_a_killed_process_are_removed_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".status" / "host-1-abcd.workers"
    left.mkdir(parents=True)
    (left / "1.jsonl").write_text("{}\n")
    with opened_channel(tmp_path, Recorder()) as first, opened_channel(tmp_path, Recorder()):
        assert not left.exists()
        assert first.folder.is_dir()
