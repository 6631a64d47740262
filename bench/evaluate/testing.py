"""Tests of differences: p, Holm's correction, and the smallest difference that would be shown.

They rest on the same t distribution as the interval of a difference, so that p is below
1 - ``LEVEL`` where the interval excludes zero, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from scipy.special import nctdtr, ndtri, stdtr, stdtrit

from bench.evaluate.auc import Auc
from bench.evaluate.bisection import bisect
from bench.evaluate.estimate import LEVEL

# A t distribution of more degrees of freedom is normal to the digits that count.
NORMAL = 1e5


def p_value(difference: Auc) -> float:
    """Two-sided p of the true difference being zero."""
    if difference.reason:
        return math.nan
    if not difference.value:
        return 1.0
    return 2.0 * _below(difference, -abs(difference.value))


def p_beyond(difference: Auc, margin: float, *, side: Literal[-1, 1]) -> float:
    """One-sided p of the true difference being as far as the margin or farther on one side.

    Args:
        side: -1 for a difference at or below -margin, 1 for one at or above margin.
    """
    if difference.reason:
        return math.nan
    return _below(difference, side * difference.value - margin)


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number, so that any false rejection is as rare as in one test.

    Holm: "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979. It holds whether the tests depend on one another or not.

    Args:
        p: in [0, 1]; NaN is no test, is not counted, and stays NaN.
    """
    corrected = [math.nan] * len(p)
    tests = sorted((value, index) for index, value in enumerate(p) if not math.isnan(value))
    highest = 0.0
    for rank, (value, index) in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * value))
        corrected[index] = highest
    return corrected


def smallest_difference(
    difference: Auc, *, power: float = 0.8, level: float = 1.0 - LEVEL
) -> float:
    """The smallest true difference that studies like this one show with some power.

    The true difference is shifted until that share of the studies has p below the level. Over
    studies, a difference divided by its standard error has a noncentral t distribution.

    Args:
        difference: that was found; its standard error and degrees of freedom count.

    Returns:
        Above or at 0; NaN where there is no interval, and where no possible difference is enough.
    """
    if difference.reason:
        return math.nan
    shift = smallest_shift(difference.total_df, power=power, level=level)
    smallest = shift * difference.standard_error
    return smallest if smallest <= difference.bounds[1] else math.nan


def smallest_shift(df: float, *, power: float, level: float) -> float:
    """The smallest true difference, in standard errors, that a t test shows with some power.

    It is the noncentrality of a t variable that exceeds the critical value with that probability.
    SciPy's ``nctdtrinc`` finds it to seven digits, and with one degree of freedom to three.

    Returns:
        The shift; NaN where it is above twice the critical value plus 10.
    """
    df = min(df, NORMAL)
    critical = float(stdtrit(df, 1.0 - level / 2.0))
    if df == NORMAL:
        return critical + float(ndtri(power))

    def is_missed(shift: float) -> bool:
        return not nctdtr(df, shift, critical) <= 1.0 - power  # NaN is no answer

    most = 2.0 * critical + 10.0
    low, high = bisect(is_missed, 0.0, most)
    return (low + high) / 2.0 if high < most else math.nan


def _below(difference: Auc, distance: float) -> float:
    """Probability of a t variable below a distance in standard errors."""
    error = difference.standard_error
    if not error:
        return float(distance >= 0.0)
    return float(stdtr(difference.total_df, distance / error))
