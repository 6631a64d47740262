"""Seconds and memory of one process with its children; Linux only.

Standard library only: a process begins with the peak resident set of the one that started it, so
this one has to be smaller than any that it measures.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class FailedError(Exception):
    """A measured process ended with another exit code than 0."""


def measure(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_line: Callable[[float, str], None],
) -> dict[str, float]:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: its whole environment.
        folder: where it runs.
        on_line: called with seconds since the start and each line of its two streams.

    Returns:
        ``seconds`` from its start to its end, and ``largest_mib``: the peak resident set of the
        largest of its processes, as the kernel counts it.

    Raises:
        FailedError: it failed; the message holds its last lines.
        Exception: what ``on_line`` raised; the process is killed.
    """
    began = time.monotonic()
    last: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
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
    return {"seconds": seconds, "largest_mib": usage.ru_maxrss / 1024}
