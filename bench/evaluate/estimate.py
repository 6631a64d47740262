"""A figure with its bootstrap distribution, and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
# Means taken in another order differ in their last bits; so many decimals of a difference mean
# something, and what is left of a tie is a tie. Two AUCs of a million images differ by more.
DECIMALS = 13


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure computed from predictions, and its value in each bootstrap resample.

    Attributes:
        value: on the images as they are; NaN where undefined.
        draws: the value in each resample, (resamples,); NaN where undefined there.
        reason: why there is no interval; "" where there is one. The draws may be defined all the
            same, for a mean over several estimates.
        at_least: an interval that the reported one contains; empty by default, where the draws
            know enough.
    """

    value: float
    draws: NDArray[np.float64]
    bounds: tuple[float, float]
    reason: str = ""
    at_least: tuple[float, float] = (math.inf, -math.inf)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its confidence interval at ``LEVEL``.

    Attributes:
        value: the estimate; NaN where undefined.
        low, high: the interval's ends; both NaN where there is no interval.
        left_out: resamples in which the estimate is undefined; the interval rests on the others.
        reason: why there is no interval; "" where there is one.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    left_out: int = 0
    reason: str = ""

    @classmethod
    def of(cls, estimate: Estimate) -> Interval:
        """The percentile interval: the middle 95 % of the draws, and at least ``at_least``."""
        defined = estimate.draws[~np.isnan(estimate.draws)]
        reason = estimate.reason or ("" if len(defined) else "no resample has both classes")
        # An error with its bias taken off can be below 0: so it enters means, and is not shown.
        value = float(np.clip(estimate.value, *estimate.bounds))
        if reason:
            return cls(value=value, reason=reason)
        tail = (1.0 - LEVEL) / 2.0
        # The t distribution of few seeds reaches beyond the bounds.
        low, high = np.clip(np.quantile(defined, [tail, 1.0 - tail]), *estimate.bounds)
        low, high = min(low, estimate.at_least[0]), max(high, estimate.at_least[1])
        left_out = len(estimate.draws) - len(defined)
        return cls(value=value, low=float(low), high=float(high), left_out=left_out)


@dataclass(frozen=True, kw_only=True)
class Figure(Interval):
    """The mean of a figure over the seeds of a row, with its interval for other patients and seeds.

    Attributes:
        deviation: sample standard deviation over the seeds; None for a single seed.
        images: how many test images the value is measured on.
    """

    deviation: float | None = None
    images: int = 0

    @classmethod
    def with_deviation(cls, interval: Interval, values: Sequence[float], *, images: int) -> Figure:
        """The figure with an interval, from its value with each seed."""
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(**vars(interval), deviation=deviation, images=images)

    @property
    def has_interval(self) -> bool:
        """Whether its interval is known."""
        return not math.isnan(self.low)
