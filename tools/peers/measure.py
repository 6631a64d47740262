"""Seconds and memory of one process with its children; Linux only.

Standard library only: a process begins with the peak resident set of the one that started it, so
this one has to be smaller than any that it measures.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# A sample costs the measured process some milliseconds for each of its processes.
SECONDS_BETWEEN_SAMPLES = 0.5


class FailedError(Exception):
    """A measured process ended with another exit code than 0."""


@dataclass(frozen=True, kw_only=True)
class ProcessUse:
    """Seconds and memory that a process took.

    Attributes:
        seconds: from its start to its end.
        largest_mib: peak resident set of the largest of its processes, as the kernel counts it.
        together_mib: peak of the proportional set sizes (what several processes share is counted
            once) of all its processes together, sampled every half second.
    """

    seconds: float
    largest_mib: float
    together_mib: float


def measure(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_line: Callable[[float, str], None],
) -> ProcessUse:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: its whole environment.
        folder: where it runs.
        on_line: called with seconds since the start and each line of its two streams.

    Raises:
        FailedError: it failed; the message holds its last lines.
        Exception: what ``on_line`` raised; the process is killed.
    """
    began = time.monotonic()
    last: deque[str] = deque(maxlen=20)
    with (
        subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
        _memory_samples(process.pid) as samples,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line)
                on_line(time.monotonic() - began, line)
            # `wait4` and not `Popen.wait`: it tells the memory too.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"exit code {process.returncode}: {' '.join(command)}\n{''.join(last)}")
    return ProcessUse(
        seconds=seconds, largest_mib=usage.ru_maxrss / 1024, together_mib=max(samples)
    )


@contextmanager
def _memory_samples(pid: int) -> Iterator[list[float]]:
    """MiB of a process with its descendants, sampled by a thread."""
    samples, ended = [0.0], threading.Event()

    def sample() -> None:
        while not ended.wait(SECONDS_BETWEEN_SAMPLES):
            samples.append(sum(map(_proportional_mib, _with_descendants(pid))))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _with_descendants(pid: int) -> Iterator[int]:
    yield pid
    # A thread or process that ends meanwhile has no children.
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield from _with_descendants(int(child))


def _proportional_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
