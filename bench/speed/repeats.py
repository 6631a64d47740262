"""Timing that says how much it varies."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

BLOCK_SECONDS = 1.0
"""Shortest time that is measured as a rate, so that neither the clock nor a hiccup decides it."""


@dataclass(frozen=True)
class Repeats:
    """One figure, measured several times.

    Attributes:
        values: in the order of measurement; one at least.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half are above it."""
        return median(self.values)

    def describe(self) -> dict[str, object]:
        """Median, minimum, maximum and each value, as JSON values."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "repeats": list(self.values),
        }


def wait_for(device: torch.device) -> None:
    """Return when the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(run: Callable[[], object], *, device: torch.device) -> float:
    """Time a piece of work, its last operation on the device included."""
    wait_for(device)
    began = time.perf_counter()
    run()
    wait_for(device)
    return time.perf_counter() - began


def long_enough(
    run: Callable[[int], object], *, device: torch.device, seconds: float = BLOCK_SECONDS
) -> int:
    """How often something has to be done to take a while; also its warm-up.

    Args:
        run: does it that often.
        device: where.
        seconds: the least time it is to take.
    """
    run(1)  # sets up what the first time sets up, and is not timed
    count = 1
    while True:
        took = seconds_of(partial(run, count), device=device)
        if took >= seconds:
            return count
        # Aims a little above, at most eightfold: the first counts are too short to go by.
        count = max(count + 1, min(8 * count, int(1.1 * count * seconds / took)))
