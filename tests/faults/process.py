"""The command ``bench`` in a process of its own, which a fault can hit at any file operation.

The process is forked (:mod:`tests.forked`).
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.cli.main import run
from bench.train.state import SaveTimer
from tests.forked import fork

CALLS = ("fsync", "replace", "unlink", "mkdir")
"""The functions of ``os`` that change what is on the disk, beside writing to an open file."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong at a file operation.

    Attributes:
        call: the number of the operation, the first is 0; or its kind, as :class:`Ended` has it.
            The first one of that kind is hit.
        kind: ``before`` and ``after`` kill the process there; a number is raised as an OSError.
    """

    call: int | str
    kind: Literal["before", "after"] | int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The end of a process.

    Attributes:
        code: its exit code; that of a killed one is minus the signal.
        calls: the file operations until then, as ``replace run.json``; hashes and numbers in names
            are a ``#``, and the folder of a run is ``RUN``.
        output: what it printed, on either stream.
    """

    code: int
    calls: tuple[str, ...]
    output: str

    def has_met(self, fault: Fault) -> bool:
        """Whether the process came to the operation of a fault."""
        call = fault.call
        return call < len(self.calls) if isinstance(call, int) else call in self.calls


@dataclass(frozen=True)
class Process:
    """A process under way, with the files of its file operations and of what it prints."""

    pid: int
    calls: Path
    output: Path

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status = os.waitpid(self.pid, 0)
        return Ended(
            code=os.waitstatus_to_exitcode(status),
            calls=tuple(self.calls.read_text(encoding="utf-8").splitlines()),
            output=self.output.read_text(encoding="utf-8"),
        )

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


def start(arguments: Sequence[str | Path], folder: Path, fault: Fault | None = None) -> Process:
    """Start ``bench`` with some arguments; what it prints goes to files in ``folder``."""
    folder.mkdir(exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=folder))
    calls, output = own / "calls", own / "output"
    for file in (calls, output):  # it may be killed before it does anything
        file.touch()

    def command() -> None:
        # A checkpoint after every step, so that some lie in the middle of an interval.
        SaveTimer.is_due = True
        _watch(calls, fault)
        sys.argv = ["bench", *map(str, arguments)]
        run()

    with output.open("a", encoding="utf-8") as printed:
        pid = fork(command, stdout=printed.fileno(), stderr=printed.fileno())
    return Process(pid, calls, output)


def bench_command(*arguments: str | Path, folder: Path, fault: Fault | None = None) -> Ended:
    """Run ``bench`` with some arguments to its end, or until a fault."""
    return start(arguments, folder, fault).wait()


def _watch(log: Path, fault: Fault | None) -> None:
    """Log every file operation, and let the fault happen at its own."""
    lines = os.open(log, os.O_WRONLY | os.O_APPEND)
    made, is_hit = 0, False

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal made, is_hit
            kind = f"{name} {_file(arguments[0])}"
            here = fault is not None and not is_hit and fault.call in (made, kind)
            made, is_hit = made + 1, is_hit or here
            os.write(lines, f"{kind}\n".encode())
            if here and isinstance(fault.kind, int):
                raise OSError(fault.kind, os.strerror(fault.kind))
            if here and fault.kind == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return real(*arguments, **options)
            finally:
                if here:
                    os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in CALLS:
        setattr(os, name, watched(name, getattr(os, name)))
    np.memmap.flush = watched("flush", np.memmap.flush)


def _file(argument: Any) -> str:
    """Name of the file of a call, without what differs between two runs."""
    if isinstance(argument, int):
        argument = os.readlink(f"/proc/self/fd/{argument}")  # noqa: PTH115
    elif isinstance(argument, np.memmap):
        argument = argument.filename
    name = re.sub(r"[0-9a-f]{8,}|[0-9]+", "#", os.fspath(argument).rpartition("/")[2])
    return "RUN" if name.endswith("-#") else name
