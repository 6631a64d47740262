"""Handing the cells of a matrix to workers, in order, and taking in what becomes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from bench import signals
from bench.events import Note
from bench.execute.assignment import assignment_of
from bench.execute.channel import Channel
from bench.execute.matrix import (
    PATIENCE_SECONDS,
    DeviceFault,
    Ending,
    Numbered,
    WorkerDiedError,
    fail,
)
from bench.execute.work import Assignment
from bench.files import is_disk_full
from bench.train.checkpoint import LAST

T = TypeVar("T")
SECONDS_BETWEEN_LOOKS = 0.2


class Engine(Protocol):
    """Workers, wherever they are."""

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        """Give an assignment to a worker.

        Args:
            avoid: a place that is not to have it, where there is another; None for none.

        Returns:
            The answer to come, and the place of the worker. The future raises
            :class:`WorkerDiedError` where the worker died, and else what the worker raised.

        Raises:
            NoRoom: no worker is free that may have it.
        """


class NoRoom(Exception):  # noqa: N818
    """No worker is free."""


@dataclass(frozen=True, kw_only=True)
class _Try:
    """A cell that is to be run, or is being run."""

    cell: Numbered
    faults: int = 0  # how often in a row a worker or device failed it without a new checkpoint
    checkpoint: list[int] | None = None  # the last one as it was at the latest fault
    avoid: object = None  # place of the latest fault
    place: object = None
    events: Path | None = None


def dispatch(cells: Sequence[Numbered], engine: Engine, channel: Channel) -> Iterator[Ending]:
    """Run cells on an engine's workers; gives their endings as they come.

    A cell whose worker died, or whose device failed, is tried once more elsewhere, and again as
    long as each try gets further than the one before.

    Args:
        engine: the workers; who opened it stops them where this raises.

    Raises:
        DiskFullError: there is no room for results.
        Stopped: a signal asked for it.
    """
    yield from _Dispatch(engine, channel, deque(_Try(cell=cell) for cell in cells)).run()


class _Dispatch:
    """The cells that wait, and those that are being run."""

    def __init__(self, engine: Engine, channel: Channel, waiting: deque[_Try]) -> None:
        self._engine, self._channel, self._waiting = engine, channel, waiting
        self._running: dict[Future[Ending], _Try] = {}

    def run(self) -> Iterator[Ending]:
        """The endings, as they come."""
        while self._waiting or self._running:
            self._submit()
            done, _ = wait(self._running, SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            self._channel.follow()
            signals.check()
            for future in done:
                ending = self._take(future, self._running.pop(future))
                if ending is not None:
                    yield ending

    def _submit(self) -> None:
        """Give out cells while there is room; one that may not run here lets others pass."""
        passed: list[_Try] = []
        while self._waiting:
            given = self._waiting.popleft()
            try:
                with signals.deferred():  # the engine's books and ours are to agree
                    self._begin(given)
            except NoRoom:
                passed.append(given)
                if given.avoid is None:
                    break
        self._waiting.extendleft(reversed(passed))

    def _begin(self, given: _Try) -> None:
        events = self._channel.new_file()
        patience = PATIENCE_SECONDS if given.faults else given.cell.patience
        assignment = assignment_of(replace(given.cell, patience=patience), events)
        future, place = self._engine.submit(assignment, avoid=given.avoid)
        self._channel.read(events)
        self._running[future] = replace(given, place=place, events=events)

    def _take(self, future: Future[Ending], given: _Try) -> Ending | None:
        """The ending of a cell; None of one that is to be tried again."""
        assert given.events is not None
        self._channel.close(given.events)
        try:
            ending = future.result()
            # One that was given up may have finished it before it ended.
            return "finished" if ending == "already" and given.faults else ending
        except (WorkerDiedError, DeviceFault) as error:
            return self._try_again(given, error)
        except Exception as error:
            if is_disk_full(error):
                raise
            return fail(given.cell, error)

    def _try_again(self, given: _Try, error: WorkerDiedError | DeviceFault) -> Ending | None:
        checkpoint = checkpoint_of(given.cell.job.folder)
        # Without any, two faults may have had the cell at its first steps twice.
        is_further = checkpoint is not None and checkpoint != given.checkpoint
        faults = 1 if is_further else given.faults + 1
        if faults > 1:
            return fail(given.cell, error)
        job = given.cell.job
        text = f"    {job.label}: {error}; it is tried once more, elsewhere if that can be had"
        job.runner.progress.event(Note(text))
        place = (error.place if isinstance(error, DeviceFault) else None) or given.place
        again = replace(given, faults=faults, checkpoint=checkpoint, avoid=place)
        self._waiting.appendleft(again)
        return None


def checkpoint_of(folder: Path) -> list[int] | None:
    """Identity of a training's last checkpoint; None where there is none."""
    try:
        status = (folder / LAST).stat()
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns]
