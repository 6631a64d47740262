"""Events of workers, which reach the process that started them through the folder of runs.

It is the one thing that all executors share. A worker appends lines of JSON to a file of its own,
and the parent reads on. Like a heartbeat (:mod:`bench.tracking.heartbeat`), the files are not made
certain and are gone at the end: no result depends on them, and nothing in them is run as code.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from bench import events
from bench.events import Event
from bench.progress import Progress
from bench.tracking.heartbeat import FOLDER

EVENTS = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event)
}
SECONDS_BETWEEN_STEPS = 0.2
STEP = "step"


class EventFile:
    """A :class:`bench.progress.Progress` that appends everything to a file.

    The file is closed after every line, so that other machines see it on file systems of networks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[str, float] = {}

    def event(self, event: Event) -> None:
        """Append an event."""
        self._append({"event": type(event).__name__, "fields": asdict(event)})

    def advance(self, label: str, done: int, total: int) -> None:
        """Append how far a piece of work is: its first and last step, and some between."""
        now = time.monotonic()
        last = self._last.get(label)
        if last is None or done == total or now - last >= SECONDS_BETWEEN_STEPS:
            self._last[label] = now
            self._append({"event": STEP, "fields": {"label": label, "done": done, "total": total}})

    def _append(self, line: dict[str, object]) -> None:
        with suppress(OSError), self._path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")


class EventReader:
    """The reading end of an :class:`EventFile`; what is no line of one is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0

    def pass_on(self, progress: Progress) -> None:
        """Give the whole lines that came since the last call to a progress."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                content = file.read()
        except OSError:
            return
        content = content[: content.rfind(b"\n") + 1]
        self._position += len(content)
        for line in content.splitlines():
            _pass_on(line, progress)


def _pass_on(line: bytes, progress: Progress) -> None:
    try:
        content = json.loads(line)
        name, values = content["event"], content["fields"]
        if name == STEP:
            step = str(values["label"]), int(values["done"]), int(values["total"])
        else:
            event = EVENTS[name](**values)
    except (ValueError, LookupError, TypeError):
        return
    if name == STEP:
        progress.advance(*step)
    else:
        progress.event(event)


class Channel:
    """The event files of one process's workers, below the folder of runs."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self._progress = progress
        self._readers: dict[Path, EventReader] = {}
        self._made = 0

    def new_file(self) -> Path:
        """A file for a worker to write; :meth:`read` it once the worker knows of it."""
        self._made += 1
        return self.folder / f"{self._made}.jsonl"

    def read(self, path: Path) -> None:
        """Pass on what comes in a file from now on.

        It is made here: on file systems of networks, a file that another machine makes is seen
        late.
        """
        path.touch()
        self._readers[path] = EventReader(path)

    def follow(self) -> None:
        """Pass on what has come in all files."""
        for reader in self._readers.values():
            reader.pass_on(self._progress)

    def close(self, path: Path) -> None:
        """Pass on the end of a file, and remove it."""
        self._readers.pop(path).pass_on(self._progress)
        with suppress(OSError):
            path.unlink()


@contextmanager
def opened_channel(root: Path, progress: Progress) -> Iterator[Channel]:
    """A channel below a folder of runs, removed at the end; those of killed processes are, too."""
    status = root / FOLDER
    status.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(status)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    lock = FileLock(status / f"{name}.workers.lock")
    folder = status / f"{name}.workers"
    with lock.acquire(timeout=10.0):
        folder.mkdir()
        try:
            yield Channel(folder, progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)


def _remove_leftovers(status: Path) -> None:
    for folder in status.glob("*.workers"):
        lock = folder.with_name(f"{folder.name}.lock")
        with suppress(OSError), FileLock(lock).acquire(timeout=0):  # a Timeout is an OSError
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
