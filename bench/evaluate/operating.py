"""Operating points: what is found at a wanted specificity, and how much is read for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.binary import checked_scores


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """One point of a ROC curve.

    Attributes:
        threshold: an image is called positive where its score is >= threshold; infinite where
            none is.
        sensitivity: share of the positives that are called positive.
        specificity: share of the negatives that are called negative; at least what was asked.
        needed_to_read: images called positive for each true positive among them,
            (TP + FP) / TP = 1 / precision; NaN where there is no true positive. So Bachmann et
            al., "Identifying diagnostic studies in MEDLINE: reducing the number needed to read",
            J. Am. Med. Inform. Assoc. 9, 2002. It depends on the prevalence among the images.
    """

    threshold: float
    sensitivity: float
    specificity: float
    needed_to_read: float


def sensitivity_at_specificity(
    targets: ArrayLike, scores: ArrayLike, *, specificity: float
) -> OperatingPoint:
    """The point of the ROC curve with the lowest threshold whose specificity is high enough.

    It is read off the curve of these very images, without interpolation: it describes what the
    scores could do here and is no promise for a threshold that is kept for other images.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        scores: shape (n,); higher is more positive.
        specificity: that is asked for, in (0, 1].

    Returns:
        The point; all NaN where the targets have one class only.

    Raises:
        ValueError: as :func:`bench.evaluate.binary.auc`, or no such specificity.
    """
    positive, s = checked_scores(targets, scores)
    negatives = np.sort(s[~positive])
    fewest = int(fewest_spared(np.array(len(negatives)), specificity=specificity))
    if not len(negatives) or not positive.any():
        return OperatingPoint(
            threshold=math.nan, sensitivity=math.nan, specificity=math.nan, needed_to_read=math.nan
        )
    called = s > negatives[fewest - 1]
    true_positives = int((called & positive).sum())
    false_positives = int((called & ~positive).sum())
    return OperatingPoint(
        threshold=float(s[called].min()) if called.any() else math.inf,
        sensitivity=true_positives / int(positive.sum()),
        specificity=1.0 - false_positives / len(negatives),
        needed_to_read=int(called.sum()) / true_positives if true_positives else math.nan,
    )


def fewest_spared(negatives: NDArray[Any], *, specificity: float) -> NDArray[np.float64]:
    """How many negatives must at least be called negative for a specificity.

    Args:
        negatives: how many there are, whole numbers of any shape.
        specificity: in (0, 1].

    Raises:
        ValueError: no such specificity.
    """
    if not 0.0 < specificity <= 1.0:
        raise ValueError(f"a specificity of {specificity} is not in (0, 1]")
    whole = np.asarray(negatives, np.float64)
    # Quotients decide: the product of 0.95 and 60, say, may be rounded to just above 57, but a
    # quotient that is 0.95 is rounded to what 0.95 itself is.
    fewest = np.floor(specificity * whole)
    with np.errstate(invalid="ignore"):  # without negatives none is enough
        return np.asarray(fewest + (fewest / whole < specificity))
