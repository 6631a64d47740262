"""Thresholds chosen on the validation part: an image is called positive where p >= threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def choose_threshold(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest Youden's J = recall + specificity - 1.

    Candidates are 0 (everything is positive), the midpoints between neighbouring distinct
    probabilities, and one above the largest (nothing is positive); midpoints, so that rounding
    on another machine does not move an image across. Ties are broken by accuracy, so that a
    constant prediction calls the majority of ``targets``, and then by the lower threshold. With
    one class in the targets J is undefined and accuracy alone decides.

    Args:
        targets: 0 or 1, (n,), n >= 1: the validation part.
        probabilities: of the positive class, in [0, 1], (n,).

    Returns:
        A threshold for ``probability >= threshold``, from 0 to just above 1.
    """
    values, hits, false_alarms = _candidates(targets, probabilities)
    # At the first candidate everything is called positive.
    positives, negatives = int(hits[0]), int(false_alarms[0])
    # In whole numbers, so that ties are exact: J * positives * negatives.
    youden = hits * negatives - false_alarms * positives
    return _threshold_at(values, _best(youden, hits - false_alarms))


def choose_threshold_for_f1(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest F1: for naming what is there, and not what is not.

    Youden's J weighs the positives as much as the negatives, however few they are, and so names
    a rare finding in many images that lack it. F1 does less so, where the finding can be told
    apart; where it cannot, the largest F1 is that of calling every image positive. Candidates and
    ties are those of :func:`choose_threshold`; without positives nothing is called positive.
    """
    values, hits, false_alarms = _candidates(targets, probabilities)
    # Quotients of whole numbers, so that equal ones are equal numbers too.
    f1 = 2 * hits / np.maximum(hits + false_alarms + int(hits[0]), 1)
    return _threshold_at(values, _best(f1, hits - false_alarms))


def choose_thresholds(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    rule: Callable[[ArrayLike, ArrayLike], float] = choose_threshold,
) -> NDArray[np.float64]:
    """A threshold for each finding.

    A finding that no image has here gets one by accuracy alone: midway from its highest
    probability to 1, which calls none of these images. That is ours; with no example there is
    nothing to weigh a missed finding against.

    Args:
        targets: 0 or 1, (n, findings), n >= 1: the validation part.
        probabilities: of each finding, in [0, 1], (n, findings).
        rule: :func:`choose_threshold` or :func:`choose_threshold_for_f1`.

    Returns:
        Shape (findings,).
    """
    columns = zip(np.asarray(targets).T, np.asarray(probabilities).T, strict=True)
    return np.array([rule(t, p) for t, p in columns])


def threshold_at_specificity(
    targets: ArrayLike, probabilities: ArrayLike, *, specificity: float
) -> float:
    """The lowest threshold at which enough negatives are called negative.

    Candidates are those of :func:`choose_threshold`.

    Args:
        targets: 0 or 1, (n,), n >= 1: the validation part.
        probabilities: of the positive class, in [0, 1], (n,).
        specificity: share of the negatives, in (0, 1].

    Returns:
        A threshold for ``probability >= threshold``; NaN without negatives.
    """
    values, _, false_alarms = _candidates(targets, probabilities)
    negatives = int(false_alarms[0])
    if not negatives:
        return math.nan
    # A quotient that is 0.95 is rounded to what 0.95 itself is; 1 - 0.95 is not.
    enough = (negatives - false_alarms) / negatives >= specificity
    return _threshold_at(values, int(np.argmax(enough)))


def counts_at_thresholds(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """True and false positives with each distinct score as the threshold, scores rising.

    Returns:
        Distinct scores, true positives and false positives, (k,) each.
    """
    values, index = np.unique(scores, return_inverse=True)
    hits = np.bincount(index[positive], minlength=len(values))[::-1].cumsum()[::-1]
    false_alarms = np.bincount(index[~positive], minlength=len(values))[::-1].cumsum()[::-1]
    return values, hits, false_alarms


def _candidates(
    targets: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """:func:`counts_at_thresholds`, and at last a threshold above all, with no positive call."""
    positive, p = np.asarray(targets) == 1, np.asarray(probabilities, np.float64)
    values, hits, false_alarms = counts_at_thresholds(positive, p)
    return values, np.append(hits, 0), np.append(false_alarms, 0)


def _best(quality: NDArray[Any], right: NDArray[np.int64]) -> int:
    """The candidate of the highest quality, ties by right calls, then the lower threshold."""
    return int(np.lexsort((-np.arange(len(quality)), right, quality))[-1])


def _threshold_at(values: NDArray[np.float64], candidate: int) -> float:
    """The threshold of a candidate: below all values, between two neighbours, above all."""
    if candidate == 0:
        return 0.0
    below = values[candidate - 1]
    if candidate == len(values):
        return float(max((below + 1.0) / 2.0, np.nextafter(below, 2.0)))
    middle = (below + values[candidate]) / 2.0
    return float(middle if middle > below else values[candidate])
