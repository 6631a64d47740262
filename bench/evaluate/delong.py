"""AUC of one model, and what each patient adds to its error.

DeLong, DeLong, Clarke-Pearson: "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44, 1988; from mid-ranks as in Sun, Xu: "Fast
implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014. The images of a
patient are taken together as in Obuchowski: "Nonparametric analysis of clustered ROC curve data",
Biometrics 53, 1997, and weighted as the jackknife weights them, since a patient of many images
pulls the mean towards itself. With one image a patient it is DeLong's variance to the last digit.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evaluate.auc import Auc, few_misranked, undefined
from bench.evaluate.metrics import Floats

DISTINCT = 20
"""Distinct scores from which on no two networks rank all images alike by chance."""


def auc(
    positive: NDArray[np.bool_],
    scores: Floats,
    groups: NDArray[np.int64],
    *,
    images: str = "",
) -> Auc:
    """The area under the ROC curve: how often a positive is scored above a negative, ties half.

    Args:
        positive: which images are positive, (n,), n >= 1.
        scores: (n,); higher is more positive.
        groups: the patient of each image, numbered from 0, (n,).
        images: a digest of the images and their patients: two AUCs of the same are paired.
    """
    if positive.all() or not positive.any():
        return undefined("the images are all of one class")
    shares, value = structural_components(positive, scores)
    patients = int(groups.max()) + 1
    classes = [
        _Class.of(shares[of_class] - value, scores[of_class], groups[of_class], patients)
        for of_class in (positive, ~positive)
    ]
    rarer = min(each.kish for each in classes)
    parts = classes[0].parts + classes[1].parts
    fewest = min(each.patients for each in classes)
    few = 1.0 if fewest == 1 else few_misranked(value, rarer)
    supplement = 0.0
    # The AUC of a constant is one half, whoever the patients are.
    if scores.min() < scores.max():
        supplement = sum(each.hidden for each in classes)
        if few:
            expected = newcombe_variance(value, *(each.effective for each in classes))
            supplement = max(supplement, few * max(0.0, expected - float(parts @ parts)))
    return Auc(
        value=value,
        parts={images: parts},
        df=max(1.0, rarer - 1.0),
        supplement=supplement,
        patients=fewest,
        reason="the images of a class are all of one patient" if fewest == 1 else "",
        ranking=ranking(positive, scores, images=images),
    )


def ranking(positive: NDArray[np.bool_], scores: Floats, *, images: str) -> str:
    """A digest of the labels of the images and of their order by score; "" of few distinct scores.

    Who says yes or no, or one of few grades, may have it in common with another who is as often
    right. The order of ``DISTINCT`` scores is a network's own.

    Args:
        positive, scores, images: as of :func:`auc`.
    """
    distinct, order = np.unique(scores, return_inverse=True)
    if len(distinct) < DISTINCT:
        return ""
    content = images.encode() + positive.tobytes() + order.astype(np.int64).tobytes()
    return hashlib.sha256(content).hexdigest()


def structural_components(positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, float]:
    """The share of the other class that each image is in the right order with, and the AUC.

    Sums of whole numbers are exact, so that no AUC leaves [0, 1].

    Args:
        positive: which images are positive, (n,), of both classes.
        scores: (n,).

    Returns:
        The shares, (n,), ties half; their mean over either class.
    """
    ranks, positives = _mid_ranks(scores), int(positive.sum())
    negatives = len(positive) - positives
    above = ranks[positive] - _mid_ranks(scores[positive])
    shares = np.empty(len(scores))
    shares[positive] = above / negatives
    shares[~positive] = 1.0 - (ranks[~positive] - _mid_ranks(scores[~positive])) / positives
    return shares, float(above.sum() / (positives * negatives))


def newcombe_variance(value: float, positives: float, negatives: float) -> float:
    """The variance that an AUC is expected to have, from itself and the numbers of patients.

    Newcombe: "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2: asymptotic methods and evaluation", Statistics in Medicine 25, 2006,
    method 5. Taken at the AUC with one more patient of the rarer class, half of it misranked,
    since it is 0 at an AUC of 1 (as Agresti and Coull do for a proportion).
    """
    rarer = min(positives, negatives)
    a = (rarer * value + 0.5) / (rarer + 1.0)
    others = (positives + negatives) / 2.0 - 1.0
    beyond = others * ((1.0 - a) / (2.0 - a) + a / (1.0 + a))
    return a * (1.0 - a) * (1.0 + beyond) / (positives * negatives)


def hidden_variance(scores: Floats, *, patients: float, variance: float) -> float:
    """The variance that a class hides in which nearly all images have one score.

    Twenty positives that are all called positive have no variance, and the next could be missed
    all the same. It would change its share of the other class by one half: so the variance is at
    least that of a proportion with two more images on either side (Agresti, Coull: "Approximate is
    better than 'exact' for interval estimation of binomial proportions", The American Statistician
    52, 1998). As where few are misranked, less of it is added the more have another score.

    Args:
        scores: of the images of the class.
        patients: effective number of its patients.
        variance: that they show.
    """
    most = int(np.unique(scores, return_counts=True)[1].max())
    others = patients * (1.0 - most / len(scores))
    few = few_misranked(0.5, others) if most > 1 else 0.0
    share = (others + 2.0) / (patients + 4.0)
    return few * max(0.0, share * (1.0 - share) / (4.0 * patients) - variance)


@dataclass(frozen=True, kw_only=True)
class _Class:
    """The images of one class.

    Attributes:
        parts: what each patient adds to the error of the class's mean, (patients,).
        patients: how many have an image of it.
        kish: how many patients with equally many images would weigh alike (Kish: "Survey
            Sampling", 1965, section 8.2).
        effective: how many images of different patients would have the same variance.
        hidden: variance that the parts hide where nearly all images have one score.
    """

    parts: Floats
    patients: int
    kish: float
    effective: float
    hidden: float

    @classmethod
    def of(
        cls, deviations: Floats, scores: Floats, groups: NDArray[np.int64], patients: int
    ) -> _Class:
        """From the deviations of the images' shares from the AUC, their scores and patients."""
        n = len(groups)
        weights = np.bincount(groups, minlength=patients) / n
        kish = 1.0 / float(weights @ weights)
        own = int(np.count_nonzero(weights))
        if own == 1:
            return cls(parts=np.zeros(patients), patients=1, kish=1.0, effective=1.0, hidden=0.0)
        sums = np.bincount(groups, deviations, minlength=patients) / n
        parts = sums / (1.0 - weights) * math.sqrt((own - 1) / own)
        clustered, alone = float(parts @ parts), float(deviations @ deviations) / (n - 1)
        # The design effect, between that of unlike and of equal images of a patient.
        effective = min(max(alone / clustered, kish), n) if clustered and alone else kish
        hidden = hidden_variance(scores, patients=kish, variance=clustered)
        return cls(parts=parts, patients=own, kish=kish, effective=effective, hidden=hidden)


def _mid_ranks(scores: Floats) -> Floats:
    """Ranks from 1; equal scores share the mean of theirs."""
    return np.asarray(pd.Series(scores).rank(), np.float64)
