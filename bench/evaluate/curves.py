"""ROC and precision-recall curves, point by point, and fewer points for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.binary import checked_scores, positives_from


@dataclass(frozen=True, kw_only=True)
class RocCurve:
    """From (0, 0) to (1, 1), one point for each distinct score; between them it is straight.

    Attributes:
        false_positive_rate: 1 - specificity, rising, (k,).
        sensitivity: rising, (k,).
    """

    false_positive_rate: NDArray[np.float64]
    sensitivity: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PrecisionRecallCurve:
    """One point for each distinct score, after a first one of recall 0.

    The step to each recall is as high as the precision there; the area below the steps is the
    average precision. The first point has the precision of the second.

    Attributes:
        recall: rising, from 0 to 1, (k,).
        precision: (k,).
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def roc_curve(targets: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Sensitivity against 1 - specificity at every threshold, from the highest down.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        scores: shape (n,); higher is more positive.

    Returns:
        The curve; without points where the targets have one class only.

    Raises:
        ValueError: as :func:`bench.evaluate.binary.auc`.
    """
    _, hits, false_alarms = positives_from(*checked_scores(targets, scores))
    if not hits[0] or not false_alarms[0]:
        return RocCurve(false_positive_rate=np.empty(0), sensitivity=np.empty(0))
    return RocCurve(
        false_positive_rate=np.append(0, false_alarms[::-1]) / false_alarms[0],
        sensitivity=np.append(0, hits[::-1]) / hits[0],
    )


def precision_recall_curve(targets: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve:
    """Precision against recall at every threshold, from the highest down.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        scores: shape (n,); higher is more positive.

    Returns:
        The curve; without points where nothing is positive.

    Raises:
        ValueError: as :func:`bench.evaluate.binary.auc`.
    """
    _, hits, false_alarms = positives_from(*checked_scores(targets, scores))
    if not hits[0]:
        return PrecisionRecallCurve(recall=np.empty(0), precision=np.empty(0))
    precision = (hits / (hits + false_alarms))[::-1]
    return PrecisionRecallCurve(
        recall=np.append(0, hits[::-1]) / hits[0],
        precision=np.append(precision[:1], precision),
    )


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], *, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Some of a curve's points, its ends among them, so that a page stays small.

    The curve's length, |dx| + |dy| summed, is cut into ``points // 2`` equal pieces, and the
    first and the last point of each are kept. So every point left out is, along the curve, no
    farther than length / (2 * (points // 2)) from one that is kept: 2 / points for a ROC curve,
    whose length is 2, and an even number.

    Args:
        x, y: the curve, (k,).
        points: to keep at most, >= 2; a curve of no more is returned as it is.
    """
    if len(x) <= points:
        return x, y
    along = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    pieces = points // 2
    with np.errstate(invalid="ignore"):  # a curve that stays in one point has no length
        share = np.nan_to_num(along / along[-1])
    piece = np.minimum((share * pieces).astype(np.int64), pieces - 1)
    first = np.append(True, piece[1:] != piece[:-1])
    last = np.append(piece[1:] != piece[:-1], True)
    return x[first | last], y[first | last]
