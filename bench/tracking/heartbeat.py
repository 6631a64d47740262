"""A small file for each process that works on a folder of runs, which says how far it is.

``bench status`` reads them while the processes train. A file is written in place and is not made
certain: it says nothing that a result depends on, and is gone when its process ends. A lock beside
it, held by the process, tells a file that a killed process left.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bench.config.frozen import Frozen
from bench.events import (
    CELL_ENDS,
    CellFailed,
    CellStarted,
    Event,
    TrialStarted,
    TuningFailed,
    TuningStarted,
    Validated,
)
from bench.progress import Counting, Progress

FOLDER = ".status"
SECONDS_BETWEEN_BEATS = 2.0


class Beat(Frozen):
    """Progress of a process, as it last said it."""

    command: str  # such as ``run``, or ``bench.run`` of Python
    host: str
    pid: int  # its number there
    # When it began, and when it said this, in seconds since 1970.
    began: float
    at: float
    matrix: str = ""  # the search or the number of the cell, in words; "" before the first
    work: str = ""  # what it is at: a cell's label, or a piece of work such as decoding
    # Steps of that.
    done: int = 0
    total: int = 0
    # Training steps of the whole matrix; 0 where there is none.
    all_done: int = 0
    all_planned: int = 0
    # Estimate for the whole matrix, or for the work where there is none.
    seconds_left: float | None = None
    validation_auc: float | None = None
    failures: int = 0

    @property
    def since(self) -> str:
        """Time of its beginning, UTC: ``2026-11-29 16:05``."""
        return datetime.fromtimestamp(self.began, UTC).isoformat(" ", "minutes")[:16]


class Heartbeat:
    """A :class:`bench.progress.Progress` that passes everything on, and keeps a beat.

    Args:
        root: folder of the runs; nothing is made in it before something happens.
        command: such as ``run``.
    """

    def __init__(self, progress: Progress, root: Path, *, command: str) -> None:
        self._progress = progress
        self._counting = Counting()
        now = time.time()
        self._beat = Beat(
            command=command, host=socket.gethostname(), pid=os.getpid(), began=now, at=now
        )
        # Containers can share a name and their numbers.
        name = f"{self._beat.host}-{self._beat.pid}-{secrets.token_hex(4)}.json"
        self._path = root / FOLDER / name
        self._lock = FileLock(_lock_of(self._path))

    def event(self, event: Event) -> None:
        """Pass an event on, and note what it says."""
        self._progress.event(event)
        self._counting.follow(event)
        match event:
            case TuningStarted():
                self._note(matrix=f"tuning {event.cell}", work="")
            case CellStarted():
                number = f"{event.index} of {event.total}"
                self._note(matrix=number, work=event.cell, done=0, total=0, validation_auc=None)
            case TrialStarted():
                self._note(work=f"trial {event.trial}", done=0, total=0, validation_auc=None)
            case Validated():
                self._note(validation_auc=event.validation_auc)
            case CellFailed() | TuningFailed():
                self._note(failures=self._beat.failures + 1)
            case _ if not isinstance(event, CELL_ENDS):
                return
        self._write()

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass on how far a piece of work is, and note it every few seconds."""
        self._progress.advance(label, done, total)
        work = self._counting.count(label, done, total)
        if time.time() - self._beat.at >= SECONDS_BETWEEN_BEATS:
            self._note(work=label, done=done, total=total, seconds_left=work.seconds_left)
            self._write()

    def _note(self, **facts: object) -> None:
        self._beat = self._beat.model_copy(update=facts)

    def _write(self) -> None:
        matrix = self._counting.matrix
        self._note(at=time.time(), all_done=matrix.done, all_planned=matrix.total)
        with suppress(OSError):  # nothing rests on it; a Timeout is one too
            if not self._lock.is_locked:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._lock.acquire(timeout=1.0)  # `bench status` may look whether it is free
            self._path.write_text(self._beat.model_dump_json(), encoding="utf-8")

    def close(self) -> None:
        """Remove the file: the process no longer works on these runs."""
        if self._lock.is_locked:
            for file in (self._path, _lock_of(self._path)):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
            self._lock.release()


@contextmanager
def beating(progress: Progress, root: Path, *, command: str) -> Iterator[Progress]:
    """A display of progress that also keeps a beat in a folder of runs, while the block lasts."""
    heartbeat = Heartbeat(progress, root, command=command)
    try:
        yield heartbeat
    finally:
        heartbeat.close()


def read_beats(root: Path) -> list[Beat]:
    """The last beat of each process that works on a folder of runs, the oldest first.

    What a killed process left is removed.
    """
    beats = []
    for path in sorted((root / FOLDER).glob("*.json")):
        if _is_left_behind(path):
            continue
        for _ in range(5):  # it is written in place, and may be torn for a moment
            with suppress(OSError, ValidationError):
                beats.append(Beat.model_validate_json(path.read_bytes()))
                break
            time.sleep(0.02)
    return sorted(beats, key=lambda beat: beat.began)


def _is_left_behind(path: Path) -> bool:
    """Whether no process holds the lock of a beat; its files are removed then."""
    try:
        with FileLock(_lock_of(path)).acquire(timeout=0):
            path.unlink(missing_ok=True)
            _lock_of(path).unlink(missing_ok=True)
            return True
    except Timeout:
        return False
    except OSError:  # where nobody may write, it cannot be known
        return False


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")
