"""Metrics of two-class predictions: one probability an image, of the positive class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CALIBRATION_BINS = 15  # as in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017


@dataclass(frozen=True, kw_only=True)
class BinaryMetrics:
    """How well probabilities of the positive class fit the targets.

    Attributes:
        images: number of images.
        positives: how many of them are positive.
        threshold: an image is called positive where its probability is >= threshold; NaN where
            it was called by another rule.
        accuracy: share of images called rightly.
        precision: share of true positives among those called positive; NaN where none is.
        recall: share of positives called positive (sensitivity); NaN without positives.
        specificity: share of negatives called negative; NaN without negatives.
        f1: 2 TP / (2 TP + FP + FN); NaN where nothing is positive nor called positive.
        auc: area under the ROC curve; NaN with one class.
        average_precision: see :func:`average_precision`; NaN without positives.
        brier: mean squared difference of probability and target.
        ece: see :func:`expected_calibration_error`.
    """

    images: int
    positives: int
    threshold: float
    accuracy: float
    precision: float
    recall: float
    specificity: float
    f1: float
    auc: float
    average_precision: float
    brier: float
    ece: float


def binary_metrics(
    targets: ArrayLike, probabilities: ArrayLike, *, threshold: float
) -> BinaryMetrics:
    """Compute all metrics of one part of a split.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        probabilities: of the positive class, in [0, 1], shape (n,).
        threshold: chosen on other images, by :func:`choose_threshold`.

    Raises:
        ValueError: shapes differ or are empty, a target is not 0 or 1, or a probability is NaN
            or outside [0, 1].
    """
    positive, p = checked_probabilities(targets, probabilities)
    return metrics_of_calls(positive, p, called=p >= threshold, threshold=threshold)


def metrics_of_calls(
    positive: NDArray[np.bool_],
    p: NDArray[np.float64],
    *,
    called: NDArray[np.bool_],
    threshold: float,
) -> BinaryMetrics:
    """All metrics of images that were called positive or negative, by whatever rule.

    Args:
        positive: (n,), which images are positive.
        p: probabilities of the positive class, (n,), in [0, 1].
        called: (n,), which images were called positive.
        threshold: what they were called by; NaN where by something else.
    """
    true_positives = int((called & positive).sum())
    false_positives = int((called & ~positive).sum())
    positives = int(positive.sum())
    negatives = len(positive) - positives
    missed = positives - true_positives
    return BinaryMetrics(
        images=len(positive),
        positives=positives,
        threshold=float(threshold),
        accuracy=float((called == positive).mean()),
        precision=_ratio(true_positives, true_positives + false_positives),
        recall=_ratio(true_positives, positives),
        specificity=_ratio(negatives - false_positives, negatives),
        f1=_ratio(2 * true_positives, 2 * true_positives + false_positives + missed),
        auc=auc(positive, p),
        average_precision=average_precision(positive, p),
        brier=float(np.mean((p - positive) ** 2)),
        ece=expected_calibration_error(positive, p),
    )


def choose_threshold(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest Youden's J = recall + specificity - 1.

    Candidates are 0 (everything is positive), the midpoints between neighbouring distinct
    probabilities, and one above the largest (nothing is positive); midpoints, so that rounding
    on another machine does not move an image across. Ties are broken by accuracy, so that a
    constant prediction calls the majority of ``targets``, and then by the lower threshold. With
    one class in the targets J is undefined and accuracy alone decides.

    Args:
        targets: 0 or 1, shape (n,), n >= 1: the validation part.
        probabilities: of the positive class, in [0, 1], shape (n,).

    Returns:
        A threshold for ``probability >= threshold``, from 0 to just above 1.

    Raises:
        ValueError: as :func:`binary_metrics`.
    """
    values, hits, false_alarms = _candidates(targets, probabilities)
    # At the first candidate everything is called positive.
    positives, negatives = int(hits[0]), int(false_alarms[0])
    # Both in whole numbers, so that ties are exact: J * positives * negatives, and accuracy
    # * images - negatives.
    youden = hits * negatives - false_alarms * positives
    right = hits - false_alarms
    return _threshold_at(values, _best(youden, right))


def choose_threshold_for_f1(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest F1: for naming what is there, and not what is not.

    Youden's J weighs the positives as much as the negatives, however few they are, and so names
    a rare finding in many images that lack it. F1 does less so, where the finding can be told
    apart; where it cannot, the largest F1 is that of calling every image positive. Candidates and
    ties are those of :func:`choose_threshold`; without positives nothing is called positive.

    Args:
        targets: 0 or 1, shape (n,), n >= 1: the validation part.
        probabilities: of the positive class, in [0, 1], shape (n,).

    Returns:
        A threshold for ``probability >= threshold``, from 0 to just above 1.

    Raises:
        ValueError: as :func:`binary_metrics`.
    """
    values, hits, false_alarms = _candidates(targets, probabilities)
    # Quotients of whole numbers, so that equal ones are equal numbers too.
    f1 = 2 * hits / np.maximum(hits + false_alarms + int(hits[0]), 1)
    return _threshold_at(values, _best(f1, hits - false_alarms))


def _candidates(
    targets: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct probabilities, rising, and the hits and false alarms at each candidate threshold.

    The last candidate lies above all probabilities: nothing is called positive there.
    """
    values, hits, false_alarms = positives_from(*checked_probabilities(targets, probabilities))
    return values, np.append(hits, 0), np.append(false_alarms, 0)


def _best(quality: NDArray[Any], right: NDArray[np.int64]) -> int:
    """The candidate of the highest quality, ties by what is called rightly, then the lower."""
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


def auc(targets: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive is scored above a negative, ties half.

    Computed as the Mann-Whitney U statistic from mid-ranks.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        scores: any finite or infinite numbers, shape (n,); higher is more positive.

    Returns:
        A value in [0, 1]; NaN where the targets have one class only.

    Raises:
        ValueError: shapes differ or are empty, a target is not 0 or 1, or a score is NaN.
    """
    positive, s = checked_scores(targets, scores)
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    rank_sum = mid_ranks(s)[positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(targets: ArrayLike, scores: ArrayLike) -> float:
    """Sum over the thresholds of precision times gain in recall, without interpolation.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        scores: shape (n,); higher is more positive.

    Returns:
        A value in [0, 1] (the prevalence for scores that know nothing); NaN without positives.

    Raises:
        ValueError: as :func:`auc`.
    """
    positive, s = checked_scores(targets, scores)
    if not positive.any():
        return float("nan")
    _, hits, false_alarms = positives_from(positive, s)
    precision = hits / (hits + false_alarms)
    gains = hits - np.append(hits[1:], 0)
    return float((precision * gains).sum() / positive.sum())


def expected_calibration_error(
    targets: ArrayLike, probabilities: ArrayLike, *, bins: int = CALIBRATION_BINS
) -> float:
    """Mean distance, over the images, of their bin's mean probability and share of positives.

    The bins hold equally many images ("equal mass") as far as ties allow: equal probabilities
    are in one bin, so that the order of the images does not matter and a constant prediction
    is judged as one bin.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        probabilities: of the positive class, in [0, 1], shape (n,).
        bins: number of bins.

    Returns:
        A value in [0, 1]; 0 is perfectly calibrated.

    Raises:
        ValueError: as :func:`binary_metrics`.
    """
    positive, p = checked_probabilities(targets, probabilities)
    bin_of = calibration_bins(p, bins=bins)
    # The sum over a bin of (p - target) is its size times the difference of the two means.
    return float(np.abs(np.bincount(bin_of, weights=p - positive)).sum() / len(p))


def calibration_bins(p: NDArray[np.float64], *, bins: int) -> NDArray[np.int64]:
    """The bin of each probability, (n,), from 0 to ``bins`` - 1; some stay empty with ties."""
    return ((mid_ranks(p) - 0.5) * bins / len(p)).astype(np.int64)


def positives_from(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct scores, rising, and how many positives and negatives are scored each or more."""
    values, index = np.unique(scores, return_inverse=True)
    hits = np.bincount(index[positive], minlength=len(values))[::-1].cumsum()[::-1]
    false_alarms = np.bincount(index[~positive], minlength=len(values))[::-1].cumsum()[::-1]
    return values, hits, false_alarms


def mid_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (counts.cumsum() - (counts - 1) / 2)[index]
    return ranks


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def checked_scores(
    targets: ArrayLike, scores: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    t: NDArray[Any] = np.asarray(targets)
    s = np.asarray(scores, dtype=np.float64)
    if t.ndim != 1 or t.shape != s.shape or not len(t):
        raise ValueError(f"targets {t.shape} and scores {s.shape} are not one (n,), n >= 1")
    if not np.isin(t, (0, 1)).all():
        raise ValueError("targets other than 0 and 1")
    if np.isnan(s).any():
        raise ValueError(f"{int(np.isnan(s).sum())} of {len(s)} scores are NaN")
    return t == 1, s


def checked_probabilities(
    targets: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    positive, p = checked_scores(targets, probabilities)
    if (p < 0).any() or (p > 1).any():
        raise ValueError(f"probabilities from {p.min()} to {p.max()} are not in [0, 1]")
    return positive, p
