"""Repeated timings with torch.utils.benchmark, whose timer waits for the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch.utils.benchmark import Timer, timer

BLOCK_SECONDS = 1.0
"""Shortest time that is measured as a rate, so that neither the clock nor a hiccup decides it."""


@dataclass(frozen=True)
class Repeats:
    """One figure, measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the values."""
        return median(self.values)

    def describe(self) -> dict[str, object]:
        """Median, minimum, maximum and each value, as JSON values."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "repeats": list(self.values),
        }


class Stopwatch:
    """Times a function, called again and again; the constructor warms it up.

    Args:
        block_seconds: a block of calls takes about this long at least.

    Attributes:
        calls: in a block.
    """

    def __init__(
        self, function: Callable[[], object], *, block_seconds: float = BLOCK_SECONDS
    ) -> None:
        self._function = function
        # By default torch's Timer uses a single thread.
        threads = torch.get_num_threads()
        calibrated = Timer("function()", globals={"function": function}, num_threads=threads)
        seconds = calibrated.blocked_autorange(min_run_time=block_seconds / 2).median
        self.calls = max(1, math.ceil(block_seconds / seconds))

    def seconds(self, calls: int | None = None) -> float:
        """Mean seconds of a call in one block, of as many calls as given or :attr:`calls`."""
        calls = calls or self.calls
        # Unlike Timer.timeit, without warm-up calls in each block: a step can take seconds.
        began = timer()
        for _ in range(calls):
            self._function()
        return (timer() - began) / calls

    def repeats(self, count: int) -> Repeats:
        """Calls a second, in so many blocks."""
        return Repeats(tuple(1.0 / self.seconds() for _ in range(count)))
