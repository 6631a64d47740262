"""An estimate with its draws, what can be reckoned from several, and the interval of one."""

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
    """A number computed from predictions, and what it would have been in other samples.

    Attributes:
        value: on the images as they are; NaN where undefined.
        draws: the same in each resample, (resamples,); NaN where undefined there.
        bounds: least and largest value that there can be.
        reason: why nothing can be said of its uncertainty; "" where something can. There may be
            draws all the same, for a mean that others carry.
        freedom: degrees of freedom of what its spread is judged from; infinite for many patients
            and one run.
    """

    value: float
    draws: NDArray[np.float64]
    bounds: tuple[float, float]
    reason: str = ""
    freedom: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and where the truth lies with a confidence of ``LEVEL``.

    Attributes:
        value: the estimate; NaN where undefined.
        low, high: both NaN where there is no interval.
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
        """The percentile interval: what the middle 95 % of the draws span.

        Draws that are undefined, since one class was not drawn, are left out and counted.
        """
        defined = estimate.draws[~np.isnan(estimate.draws)]
        reason = estimate.reason or ("" if len(defined) else "no resample has both classes")
        if reason:
            return cls(value=estimate.value, reason=reason)
        left_out = len(estimate.draws) - len(defined)
        tail = (1.0 - LEVEL) / 2.0
        # Draws of seeds can leave the bounds: their spread is judged from few.
        low, high = np.clip(np.quantile(defined, [tail, 1.0 - tail]), *estimate.bounds)
        return cls(value=estimate.value, low=float(low), high=float(high), left_out=left_out)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """The first less the second, draw by draw.

    Estimates of one :class:`~bench.evaluate.bootstrap.Resampling` on the same images are so
    compared on the same patients; on different images their draws are independent.
    """
    return Estimate(
        value=round(one.value - other.value, DECIMALS),
        draws=np.round(one.draws - other.draws, DECIMALS),
        bounds=(one.bounds[0] - other.bounds[1], one.bounds[1] - other.bounds[0]),
        reason=one.reason or other.reason,
        freedom=min(one.freedom, other.freedom),
    )


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of some estimates, draw by draw; undefined where one of them is.

    Args:
        estimates: at least one, with equally many draws.
    """
    return Estimate(
        value=float(np.mean([estimate.value for estimate in estimates])),
        draws=np.mean([estimate.draws for estimate in estimates], axis=0),
        bounds=(
            float(np.mean([estimate.bounds[0] for estimate in estimates])),
            float(np.mean([estimate.bounds[1] for estimate in estimates])),
        ),
        reason=next((estimate.reason for estimate in estimates if estimate.reason), ""),
        freedom=min(estimate.freedom for estimate in estimates),
    )
