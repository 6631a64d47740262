"""Tests of differences: p from draws, Holm's correction, and what could have been shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from bench.stats.estimate import LEVEL, Estimate, Interval


def p_value(estimate: Estimate) -> float:
    """Two-sided p of "the true difference is zero", from the draws of a difference.

    Twice the smaller share of draws at or beyond zero, the estimate itself counted as one
    (Davison, Hinkley: "Bootstrap Methods and their Application", 1997, chapter 4): it is below
    1 - ``LEVEL`` where the percentile interval excludes zero, but for a draw. It is at least
    2 / (draws + 1).

    Returns:
        In (0, 1]; NaN where there is no interval either.
    """
    draws = estimate.draws[~np.isnan(estimate.draws)]
    if estimate.reason or not len(draws):
        return math.nan
    fewer = min(int((draws <= 0.0).sum()), int((draws >= 0.0).sum()))
    return min(1.0, 2.0 * (1 + fewer) / (len(draws) + 1))


def holm(p: Sequence[float]) -> list[float]:
    """p values of several tests, corrected so that any false one is as rare as one was.

    Holm: "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979. It holds whether the tests depend on one another or not.

    Args:
        p: in [0, 1]; NaN is no test, is not counted, and stays NaN.

    Returns:
        In the same order, at most 1.
    """
    corrected = [math.nan] * len(p)
    tests = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    highest = 0.0
    for rank, (value, place) in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * value))
        corrected[place] = highest
    return corrected


def smallest_difference(
    estimate: Estimate, *, power: float = 0.8, level: float = 1.0 - LEVEL
) -> float:
    """The smallest true difference that such a comparison would have shown.

    (z(1 - level / 2) + z(power)) times the standard error, as for a normal estimate. That is
    taken from the spread of the middle 95 % of the draws: with few seeds the draws have no
    standard deviation.

    Args:
        estimate: the difference that was found.
        power: with what probability it would have been shown.
        level: that p must be below.

    Returns:
        Above or at 0; NaN where there is no interval.
    """
    interval = Interval.of(estimate)
    normal = NormalDist()
    widths = 2.0 * normal.inv_cdf((1.0 + LEVEL) / 2.0)
    standard_error = (interval.high - interval.low) / widths
    return (normal.inv_cdf(1.0 - level / 2.0) + normal.inv_cdf(power)) * standard_error
