"""Number of processors that this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Processors that this process may use: on a cluster often a few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
