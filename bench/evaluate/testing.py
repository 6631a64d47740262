"""Tests of differences: bootstrap p, Holm's correction, and the smallest detectable difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from bench.evaluate.estimate import LEVEL, Estimate, Interval


def p_value(estimate: Estimate) -> float:
    """Two-sided p of the true difference being zero, from the draws of a difference.

    Twice the smaller share of draws at or beyond zero, the estimate itself counted as a draw
    (Davison, Hinkley: "Bootstrap Methods and their Application", 1997, chapter 4): it is below
    1 - ``LEVEL`` where the percentile interval excludes zero, but for a draw. Where no draw
    reaches zero, the tail is that of a t distribution with the draws' spread: a correction for
    many comparisons needs smaller p than draws can count.

    Returns:
        In [0, 1]; NaN where there is no interval either.
    """
    draws = estimate.draws[~np.isnan(estimate.draws)]
    if estimate.reason or not len(draws):
        return math.nan
    fewer = min(int((draws <= 0.0).sum()), int((draws >= 0.0).sum()))
    p = min(1.0, 2.0 * (1 + fewer) / (len(draws) + 1))
    spread = _standard_error(estimate)
    if fewer or not spread:
        return p
    return min(p, 2.0 * float(stdtr(estimate.df, -abs(estimate.value) / spread)))


def p_beyond(estimate: Estimate, margin: float, *, side: Literal[-1, 1]) -> float:
    """One-sided p of the true difference being as far as the margin or farther on one side.

    Args:
        estimate: the difference that was found.
        margin: above 0.
        side: -1 for a difference at or below -margin, 1 for one at or above margin.

    Returns:
        In (0, 1]; NaN where there is no interval.
    """
    draws = estimate.draws[~np.isnan(estimate.draws)]
    if estimate.reason or not len(draws):
        return math.nan
    return (1 + int((side * draws >= margin).sum())) / (len(draws) + 1)


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number, so that any false rejection is as rare as in one test.

    Holm: "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979. It holds whether the tests depend on one another or not.

    Args:
        p: in [0, 1]; NaN is no test, is not counted, and stays NaN.

    Returns:
        In the same order, at most 1.
    """
    corrected = [math.nan] * len(p)
    tests = sorted((value, index) for index, value in enumerate(p) if not math.isnan(value))
    highest = 0.0
    for rank, (value, index) in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * value))
        corrected[index] = highest
    return corrected


def smallest_difference(
    estimate: Estimate, *, power: float = 0.8, level: float = 1.0 - LEVEL
) -> float:
    """The smallest true difference that such a comparison shows with some power.

    (t(1 - level / 2) + t(power)) times the standard error, with the quantiles of a t distribution
    whose degrees of df are those of the spread.

    Args:
        estimate: the difference that was found.
        power: the probability of showing it.
        level: that p must be below.

    Returns:
        Above or at 0; NaN where there is no interval.
    """
    if Interval.of(estimate).reason:
        return math.nan
    quantiles = stdtrit(estimate.df, 1.0 - level / 2.0) + stdtrit(estimate.df, power)
    return float(quantiles) * _standard_error(estimate)


def _standard_error(estimate: Estimate) -> float:
    """The standard error from the middle 95 % of the draws.

    With few seeds the draws have no standard deviation.
    """
    low, high = np.nanquantile(estimate.draws, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float((high - low) / (2.0 * stdtrit(estimate.df, (1.0 + LEVEL) / 2.0)))
