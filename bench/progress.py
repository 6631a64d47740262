"""How long work shows itself: bars on a terminal, plain lines elsewhere, JSON, or not at all.

The rest of the harness only says what happened (``event``) and how far it is (``advance``).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID


class Progress(Protocol):
    """Where events and progress go."""

    def event(self, name: str, **fields: Any) -> None:
        """Something happened; the fields are JSON values. See ``TEXTS`` for the names."""

    def advance(self, label: str, done: int, total: int) -> None:
        """A piece of work named by its label is ``done`` out of ``total`` steps far."""


TRIAL_ENDS = {"finished": "done", "pruned": "pruned", "budget": "cut, the budget is used up"}


def settings_text(settings: dict[str, Any]) -> str:
    """Searched settings in short: ``lr 0.0123, patience 2``; the first parts of keys left out."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {f'{value:.3g}' if isinstance(value, float) else value}"
        for key, value in settings.items()
    )


TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "note": lambda f: str(f["text"]),
    "cell_started": lambda f: (
        f"[{f['index']}/{f['total']}] {f['cell']}"
        + (" (goes on where it was interrupted)" if f["resumes"] else "")
    ),
    "validated": lambda f: (
        f"    iteration {f['iteration']:>6,}  lr {f['lr']:.2g}  "
        f"loss {f['train_loss']:.4f} / {f['validation_loss']:.4f}  "
        f"validation AUC {f['validation_auc']:.4f}"
        + (" *" if f["best"] else "")
        + {"decay": "  -> learning rate decays", "stop": "  -> stops"}.get(f["decision"], "")
    ),
    "cell_finished": lambda f: f"    done in {f['seconds']:.0f} s: test AUC {f['test_auc']:.4f}",
    "cell_unavailable": lambda f: f"    not available: {f['reason']}",
    "cell_failed": lambda f: f"    FAILED: {f['reason']}",
    "tuning_started": lambda f: f"tuning {f['cell']}: {f['budget']}",
    "trial_started": lambda f: (
        f"[{f['done']} done] {f['cell']}: {settings_text(f['settings'])}"
        + (" (goes on where it was interrupted)" if f["resumes"] else "")
    ),
    "trial_ended": lambda f: (
        f"    FAILED: {f['reason']}"
        if f["ended"] == "failed"
        else f"    {TRIAL_ENDS[f['ended']]}: validation AUC {f['validation_auc']:.4f}"
    ),
    "tuning_finished": lambda f: (
        f"{f['cell']}: trial {f['trial']} is the best of {f['trials']} ({f['finished']} finished, "
        f"{f['pruned']} pruned, {f['failed']} failed; {f['iterations']:,} iterations, "
        f"{f['train_seconds']:.0f} s in training"
        + (f"; {f['reason']}" if f["reason"] else "")
        + f") with validation AUC {f['validation_auc']:.4f}: {settings_text(f['settings'])}"
    ),
    "tuning_failed": lambda f: f"{f['cell']}: TUNING FAILED: {f['reason']}",
    "matrix_finished": lambda f: (
        f"{f['finished']} finished, {f['already']} finished before, {f['unavailable']} not "
        f"available, {f['failed']} failed"
        + (f", {f['elsewhere']} running in another process" if f["elsewhere"] else "")
        + ("; no winner for " + ", ".join(f["no_winner"]) if f.get("no_winner") else "")
    ),
}


class QuietProgress:
    """Says only what failed."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr

    def event(self, name: str, **fields: Any) -> None:
        if name in ("cell_failed", "tuning_failed"):
            print(f"{fields['cell']} failed: {fields['reason']}", file=self._stream)

    def advance(self, label: str, done: int, total: int) -> None:
        pass


class JsonProgress:
    """One JSON object a line, with the seconds since the start.

    How far the work is, is told at the first and the last step of each piece, and at most every
    10 s between them.
    """

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._last: dict[str, float] = {}

    def event(self, name: str, **fields: Any) -> None:
        line = {"event": name, "at_s": round(time.monotonic() - self._began, 3), **fields}
        print(json.dumps(line), file=self._stream, flush=True)

    def advance(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        last = self._last.get(label)
        if last is None or done == total or now - last >= self.SECONDS_BETWEEN_LINES:
            self._last[label] = now
            self.event("advanced", label=label, done=done, total=total)
        if done == total:
            del self._last[label]


class PlainProgress:
    """Lines for a log file: every event, and how far the work is, at most every 10 s."""

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last = time.monotonic()

    def event(self, name: str, **fields: Any) -> None:
        if name in TEXTS:
            print(TEXTS[name](fields), file=self._stream, flush=True)

    def advance(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= self.SECONDS_BETWEEN_LINES:
            self._last = now
            print(f"    {label}: {done:,} of {total:,}", file=self._stream, flush=True)


class BarProgress:
    """Bars on a terminal, events as lines above them."""

    def __init__(self, bars: RichBars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def event(self, name: str, **fields: Any) -> None:
        if name in TEXTS:
            self._bars.console.print(TEXTS[name](fields), markup=False, highlight=False)
        if name in ("cell_finished", "cell_failed", "trial_ended"):
            # A training that stops early never reaches the end of its bar.
            self._remove(fields["cell"])

    def advance(self, label: str, done: int, total: int) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label, total=total)
        self._bars.update(self._tasks[label], completed=done, total=total)
        if done >= total:
            self._remove(label)

    def _remove(self, label: str) -> None:
        if label in self._tasks:
            self._bars.remove_task(self._tasks.pop(label))


@contextmanager
def show_progress(
    *, quiet: bool = False, json_log: bool = False, stream: IO[str] | None = None
) -> Iterator[Progress]:
    """The fitting way for the terminal, file or pipe that standard output is.

    Args:
        quiet: say only what failed.
        json_log: one JSON object a line.
        stream: where plain lines go instead, as standard output holds something else.
    """
    if quiet:
        yield QuietProgress()
    elif stream is not None:
        yield PlainProgress(stream)
    elif json_log:
        yield JsonProgress()
    elif sys.stdout.isatty():
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            transient=True,
        ) as bars:
            yield BarProgress(bars)
    else:
        yield PlainProgress()
