"""ROC, precision-recall and reliability curves, thinned for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.calibration_error import CALIBRATION_BINS, bins_of
from bench.evaluate.thresholds import counts_at_thresholds

Points = NDArray[np.float64]

# Of a curve on a page: the eye sees no more of it, and a page may hold dozens.
POINTS = 200


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The curves of one output.

    Attributes:
        roc: (k, 2): false positive rate and sensitivity at every threshold, from (0, 0) to
            (1, 1); straight between them.
        precision_recall: (k, 2): recall, rising from 0, and precision at every threshold. The
            step to each recall is as high as the precision there; the area below the steps is
            the average precision. The first point has the precision of the second.
        reliability: (bins, 3): mean probability, share of positives and number of images of the
            bins of the expected calibration error that hold an image.
    """

    roc: Points
    precision_recall: Points
    reliability: Points

    @classmethod
    def of(cls, positive: NDArray[np.bool_], p: NDArray[np.float64]) -> Curves:
        """The curves of probabilities (n,) for images of both classes, at most ``POINTS`` each."""
        return cls(
            roc=thinned(roc_curve(positive, p), points=POINTS),
            precision_recall=thinned(precision_recall_curve(positive, p), points=POINTS),
            reliability=reliability_curve(positive, p),
        )


def roc_curve(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Points:
    """:attr:`Curves.roc` with all its points, for images of both classes."""
    _, hits, false_alarms = counts_at_thresholds(positive, scores)
    rates = [np.append(0, counts[::-1]) / counts[0] for counts in (false_alarms, hits)]
    return np.stack(rates, axis=1)


def precision_recall_curve(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Points:
    """:attr:`Curves.precision_recall` with all its points, for images of both classes."""
    _, hits, false_alarms = counts_at_thresholds(positive, scores)
    recall = np.append(0, hits[::-1]) / hits[0]
    precision = (hits / (hits + false_alarms))[::-1]
    return np.stack([recall, np.append(precision[:1], precision)], axis=1)


def reliability_curve(
    targets: ArrayLike, probabilities: ArrayLike, *, bins: int = CALIBRATION_BINS
) -> Points:
    """:attr:`Curves.reliability`: bins of equally many images as far as ties allow.

    Args:
        targets: 0 or 1, (n,), n >= 1.
        probabilities: of the positive class, in [0, 1], (n,).
        bins: number of bins, of which ties leave some empty.
    """
    p = np.asarray(probabilities, np.float64)
    bin_of = bins_of(p, bins=bins)
    images = np.bincount(bin_of)
    held = images > 0
    sums = [np.bincount(bin_of, weights=values)[held] for values in (p, np.asarray(targets))]
    return np.stack([*(values / images[held] for values in sums), images[held]], axis=1)


def thinned(curve: Points, *, points: int) -> Points:
    """Some of a curve's points, its ends among them, so that a page stays small.

    The curve's length, |dx| + |dy| summed, is cut into ``points // 2`` equal pieces, and the
    first and the last point of each are kept. So every point left out is, along the curve, no
    farther than length / (2 * (points // 2)) from one that is kept: 2 / points for a ROC curve,
    whose length is 2, and an even number.

    Args:
        curve: x and y, (k, 2).
        points: to keep at most, >= 2; a curve of no more is returned as it is.
    """
    if len(curve) <= points:
        return curve
    along = np.append(0.0, np.cumsum(np.abs(np.diff(curve, axis=0)).sum(axis=1)))
    pieces = points // 2
    with np.errstate(invalid="ignore"):  # a curve that stays in one point has no length
        share = np.nan_to_num(along / along[-1])
    piece = np.minimum((share * pieces).astype(np.int64), pieces - 1)
    first = np.append(True, piece[1:] != piece[:-1])
    last = np.append(piece[1:] != piece[:-1], True)
    return np.asarray(curve[first | last])
