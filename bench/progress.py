"""Progress of long work: bars on a terminal, plain lines elsewhere, JSON, or nothing.

The rest of the harness only reports what happened (``event``) and how far it is (``advance``).
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Protocol

from bench.events import (
    CELL_ENDS,
    CellFailed,
    CellStarted,
    CellUnusable,
    Event,
    MatrixStarted,
    TrialStarted,
    TuningFailed,
)

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID


INDENT = "    "
"""Begin of a line about the cell that was named before."""


class Progress(Protocol):
    """Receiver of events and progress."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def advance(self, label: str, done: int, total: int) -> None:
        """``done`` of ``total`` steps of a piece of work are finished; its label names it."""


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``12 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 3 * 86400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:,.0f} days"


class Countdown:
    """Steps done and planned of some pieces of work, and the time left at the rate so far.

    Args:
        planned: steps at most, by the piece's label.
    """

    def __init__(self, planned: Mapping[str, int]) -> None:
        self._planned = dict(planned)
        self._done: dict[str, int] = {}
        # A resumed training begins far on: its earlier steps took no time of this process.
        self._first: dict[str, int] = {}
        self._began: float | None = None

    def __contains__(self, label: object) -> bool:
        return label in self._planned

    def advance(self, label: str, done: int) -> None:
        """So many steps of a piece are done."""
        if label not in self._done:
            if self._began is None:
                self._began = time.monotonic()
            self._first[label] = done
        self._done[label] = done

    def end(self, label: str) -> None:
        """A piece has ended: the steps that it did not take are no longer planned."""
        if label in self._planned:
            self._planned[label] = self._done.setdefault(label, 0)
            self._first.setdefault(label, 0)

    @property
    def done(self) -> int:
        """Steps done, those before an interruption too."""
        return sum(self._done.values())

    @property
    def total(self) -> int:
        """Steps planned, at most."""
        return sum(self._planned.values())

    @property
    def seconds_left(self) -> float | None:
        """Estimate for the steps that are left; None before there is a rate."""
        taken = self.done - sum(self._first.values())
        if taken <= 0 or self._began is None:
            return None
        return (time.monotonic() - self._began) / taken * (self.total - self.done)

    def __str__(self) -> str:
        left = self.seconds_left
        about = "" if left is None else f", about {duration(left)} left"
        return f"{self.done:,} of {self.total:,}{about}"


class Counting:
    """The countdown of the matrix's trainings, and one of every other piece of work."""

    def __init__(self) -> None:
        self.matrix = Countdown({})
        self._others: dict[str, Countdown] = {}
        self._under_way: set[str] = set()
        self._several = False

    def follow(self, event: Event) -> None:
        """Take note of an event, which may begin a matrix or begin or end a piece of work."""
        if isinstance(event, MatrixStarted):
            self.matrix = Countdown(event.steps)
        elif isinstance(event, CellStarted | TrialStarted):
            self._under_way.add(event.cell)
            self._several = self._several or len(self._under_way) > 1
        elif isinstance(event, CELL_ENDS):
            self.matrix.end(event.cell)
            self._others.pop(event.cell, None)
            self._under_way.discard(event.cell)

    def line(self, event: Event) -> str:
        """The line of an event; it names its cell where several are under way at once."""
        text, cell = str(event), getattr(event, "cell", None)
        if self._several and cell is not None and text.startswith(INDENT):
            return f"{INDENT}{cell}: {text.lstrip()}"
        return text

    def count(self, label: str, done: int, total: int) -> Countdown:
        """The countdown that a piece of work belongs to, ``done`` of its ``total`` steps done."""
        work = self.matrix
        if label not in work:
            work = self._others.setdefault(label, Countdown({label: total}))
            if done >= total:
                del self._others[label]
        work.advance(label, done)
        return work


class QuietProgress:
    """Failures alone, on standard error."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr

    def event(self, event: Event) -> None:
        if isinstance(event, CellFailed | TuningFailed):
            print(f"{event.cell} failed: {event.reason}", file=self._stream)
        elif isinstance(event, CellUnusable):
            print(event, file=self._stream)

    def advance(self, label: str, done: int, total: int) -> None:
        pass


class JsonProgress:
    """One JSON object a line, with the seconds since the start.

    Progress has a line at the first and the last step of each piece, and at most every 10 s
    between them.
    """

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._last: dict[str, float] = {}
        self._counting = Counting()

    def event(self, event: Event) -> None:
        self._counting.follow(event)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        self._print(name, asdict(event))

    def advance(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        work = self._counting.count(label, done, total)
        last = self._last.get(label)
        if last is None or done == total or now - last >= self.SECONDS_BETWEEN_LINES:
            self._last[label] = now
            left = work.seconds_left
            fields = {"label": label, "done": done, "total": total}
            self._print("advanced", {**fields, "seconds_left": left and round(left, 1)})
        if done == total:
            del self._last[label]

    def _print(self, name: str, fields: Mapping[str, object]) -> None:
        # JSON has no NaN, as the AUC of one class is.
        known = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in fields.items()
        }
        line = {"event": name, "at_s": round(time.monotonic() - self._began, 3), **known}
        print(json.dumps(line), file=self._stream, flush=True)


class PlainProgress:
    """Lines for a log file: every event, and progress every 30 s."""

    SECONDS_BETWEEN_LINES = 30.0

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last = time.monotonic()
        self._counting = Counting()

    def event(self, event: Event) -> None:
        self._counting.follow(event)
        print(self._counting.line(event), file=self._stream, flush=True)

    def advance(self, label: str, done: int, total: int) -> None:
        work = self._counting.count(label, done, total)
        now = time.monotonic()
        if now - self._last >= self.SECONDS_BETWEEN_LINES:
            self._last = now
            in_matrix = label in self._counting.matrix
            own = f"{done:,} of {total:,} steps; in all " if in_matrix else ""
            print(f"    {label}: {own}{work}", file=self._stream, flush=True)


class BarProgress:
    """Bars on a terminal, the trainings of a matrix in one of their own; events above them."""

    MATRIX = "all trainings"
    SECONDS_BETWEEN_UPDATES = 0.1

    def __init__(self, bars: RichBars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._counting = Counting()
        self._last = 0.0

    def event(self, event: Event) -> None:
        self._counting.follow(event)
        self._bars.console.print(self._counting.line(event), markup=False, highlight=False)
        if isinstance(event, CELL_ENDS):
            # A training that stops early never reaches the end of its bar.
            self._remove(event.cell)
            self._show_matrix()

    def advance(self, label: str, done: int, total: int) -> None:
        work = self._counting.count(label, done, total)
        now = time.monotonic()
        if done >= total:
            self._remove(label)
        elif label not in self._tasks or now - self._last >= self.SECONDS_BETWEEN_UPDATES:
            self._last = now
            if label in self._counting.matrix:
                self._show_matrix()
                self._show(label, done, total, None)
            else:
                self._show(label, done, total, work.seconds_left)

    def _show_matrix(self) -> None:
        work = self._counting.matrix
        if work.done >= work.total:
            self._remove(self.MATRIX)
        else:
            self._show(self.MATRIX, work.done, work.total, work.seconds_left)

    def _show(self, label: str, done: int, total: int, left: float | None) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label, total=total, left="")
        text = "" if left is None else f"about {duration(left)} left"
        self._bars.update(self._tasks[label], completed=done, total=total, left=text)

    def _remove(self, label: str) -> None:
        if label in self._tasks:
            self._bars.remove_task(self._tasks.pop(label))


@contextmanager
def show_progress(
    *, quiet: bool = False, json_log: bool = False, stream: IO[str] | None = None
) -> Iterator[Progress]:
    """The fitting display for the terminal, file or pipe that standard output is.

    Args:
        quiet: show only what failed.
        stream: plain lines go there, as standard output holds something else.
    """
    if quiet:
        yield QuietProgress()
    elif stream is not None:
        yield PlainProgress(stream)
    elif json_log:
        yield JsonProgress()
    elif sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, transient=True) as bars:
            yield BarProgress(bars)
    else:
        yield PlainProgress()
