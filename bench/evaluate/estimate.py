"""A figure with its bootstrap distribution, differences and means of such, and the interval."""

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
        bounds: least and largest possible value.
        reason: why there is no interval; "" where there is one. The draws may be defined all the
            same, for a mean over several estimates.
        df: degrees of freedom of the variance that the draws show; infinite for many patients
            and one run.
    """

    value: float
    draws: NDArray[np.float64]
    bounds: tuple[float, float]
    reason: str = ""
    df: float = math.inf

    @property
    def above_zero(self) -> bool:
        """Whether its interval is known and lies above zero."""
        return Interval.of(self).low > 0.0


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
        """The percentile interval: the middle 95 % of the draws that are defined."""
        defined = estimate.draws[~np.isnan(estimate.draws)]
        reason = estimate.reason or ("" if len(defined) else "no resample has both classes")
        # An error with its bias taken off can be below 0: so it enters means, and is not shown.
        value = float(np.clip(estimate.value, *estimate.bounds))
        if reason:
            return cls(value=value, reason=reason)
        tail = (1.0 - LEVEL) / 2.0
        # The t distribution of few seeds reaches beyond the bounds.
        low, high = np.clip(np.quantile(defined, [tail, 1.0 - tail]), *estimate.bounds)
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

    @property
    def has_interval(self) -> bool:
        """Whether its interval is known."""
        return not math.isnan(self.low)


def difference(estimate: Estimate, reference: Estimate) -> Estimate:
    """The first estimate less the second, resample by resample.

    Two estimates from one :class:`~bench.evaluate.bootstrap.Resampling` on the same images are
    compared on the same patients and so paired; on different images they are independent.
    """
    return Estimate(
        value=round(estimate.value - reference.value, DECIMALS),
        draws=np.round(estimate.draws - reference.draws, DECIMALS),
        bounds=(
            estimate.bounds[0] - reference.bounds[1],
            estimate.bounds[1] - reference.bounds[0],
        ),
        reason=estimate.reason or reference.reason,
        df=min(estimate.df, reference.df),
    )


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of several estimates, resample by resample; undefined where one of them is.

    Args:
        estimates: at least one, with equally many draws.
    """
    low, high = np.mean([estimate.bounds for estimate in estimates], axis=0)
    return Estimate(
        value=float(np.mean([estimate.value for estimate in estimates])),
        draws=np.mean([estimate.draws for estimate in estimates], axis=0),
        bounds=(float(low), float(high)),
        reason=next((estimate.reason for estimate in estimates if estimate.reason), ""),
        df=min(estimate.df for estimate in estimates),
    )
