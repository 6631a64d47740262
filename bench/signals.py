"""Signals that ask a command to stop: Ctrl-C, SIGTERM and SIGHUP.

Slurm and ``docker stop`` send SIGTERM, a terminal that is closed sends SIGHUP. The command line
raises each as an exception. A training defers it until its next step is taken, and keeps that in a
checkpoint.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# The shell and the kernel may both pass on one hang-up, and `timeout` signals its child and then
# its group: what follows so soon is the same request.
SAME_REQUEST_SECONDS = 1.0


class Stopped(KeyboardInterrupt):
    """A signal asked the process to stop; whatever lets Ctrl-C through lets this through."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """The code by which a shell knows the signal: 130, 143 or 129."""
        return 128 + self.number


class _Request:
    """The stop that was asked for, and whether it waits; of the whole process, as signals are."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.came = 0.0
        self.waits: Callable[[], bool] = lambda: False

    def take(self, number: int, _: FrameType | None) -> None:
        """Handle a signal: the first raises or waits, a second one ends the process at once."""
        now = time.monotonic()
        if self.number is None:
            self.number, self.came = number, now
            if not self.waits():
                raise Stopped(number)
        elif now - self.came >= SAME_REQUEST_SECONDS:
            os._exit(128 + number)


_request = _Request()


@contextmanager
def handled(*more: int) -> Iterator[None]:
    """Raise :class:`Stopped` where a signal asks to stop; for a program's main function.

    Outside the main thread nothing is changed, and a signal that is ignored stays so (``nohup``).

    Args:
        more: further signals that ask for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (*STOPPING, *more)}
    changed = {n: handler for n, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in changed:
        signal.signal(number, _request.take)
    try:
        yield
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)
        _request.number = None


@contextmanager
def deferred(waits: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Let a stop inside the block wait for :func:`check`, at the latest for the block's end.

    Args:
        waits: called when the signal comes; where it gives False, the stop is raised at once.

    Raises:
        Stopped: at the end, where a signal came and nothing else was raised; at the start, where
            it came in an earlier block that ended with another error.
    """
    check()
    before, _request.waits = _request.waits, waits
    try:
        yield
    finally:
        _request.waits = before
    check()


def is_asked() -> bool:
    """Whether a signal has asked to stop."""
    return _request.number is not None


def check() -> None:
    """Stop where a signal has asked for it.

    Raises:
        Stopped: one has.
    """
    if _request.number is not None:
        raise Stopped(_request.number)


@contextmanager
def blocked() -> Iterator[None]:
    """Keep signals to stop away from the processes that the block starts, for all their lives.

    One that is sent to the whole group is for the command to act on, which ends its children.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
