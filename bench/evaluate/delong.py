"""The AUC's variance without resampling: DeLong's, and Obuchowski's for patients of several images.

DeLong, DeLong, Clarke-Pearson: "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44, 1988; from mid-ranks as in Sun, Xu: "Fast
implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014. Obuchowski:
"Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.binary import checked_scores, mid_ranks
from bench.evaluate.estimate import LEVEL, Interval

# Variances below this share of what they are the difference of are rounding errors.
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class DeLong:
    """The AUCs of some models on the same images.

    Attributes:
        aucs: (models,); NaN with one class.
        covariance: of the AUCs, over other images or patients, (models, models); NaN where
            ``reason`` is not "".
        reason: why there is no covariance; "" where there is one.
    """

    aucs: NDArray[np.float64]
    covariance: NDArray[np.float64]
    reason: str

    def interval(self, model: int, *, level: float = LEVEL) -> Interval:
        """Where the true AUC of one model lies with a confidence of ``level``.

        It is symmetric on the scale of log(AUC / (1 - AUC)), so that it does not leave [0, 1].
        """
        auc, variance = float(self.aucs[model]), float(self.covariance[model, model])
        reason = self.reason
        if not reason and not variance > 0.0:
            reason = "the AUC does not vary among these images"
        if reason:
            return Interval(value=auc, reason=reason)
        logit = math.log(auc / (1.0 - auc))
        half = _normal_quantile(level) * math.sqrt(variance) / (auc * (1.0 - auc))
        low, high = (1.0 / (1.0 + math.exp(-end)) for end in (logit - half, logit + half))
        return Interval(value=auc, low=low, high=high)

    def p_value(self, one: int, other: int) -> float:
        """Two-sided p of two models that have the same true AUC; they are judged as paired.

        Returns:
            1 where the AUCs are the same; NaN where their difference does not vary.
        """
        if self.reason:
            return math.nan
        if self.aucs[one] == self.aucs[other]:
            return 1.0
        c = self.covariance
        variances = c[one, one] + c[other, other]
        variance = variances - c[one, other] - c[other, one]
        if not variance > ROUNDING * variances:
            return math.nan
        z = abs(float(self.aucs[one] - self.aucs[other])) / math.sqrt(variance)
        return math.erfc(z / math.sqrt(2.0))


def delong(targets: ArrayLike, scores: ArrayLike) -> DeLong:
    """AUCs and their covariance over other images, none of which share a patient.

    Args:
        targets: 0 or 1, (n,), n >= 1.
        scores: of each model, (n, models); higher is more positive.

    Raises:
        ValueError: shapes differ or are empty, a target is not 0 or 1, or a score is NaN.
    """
    return clustered_delong(targets, scores, np.arange(len(np.asarray(targets))))


def clustered_delong(targets: ArrayLike, scores: ArrayLike, patients: ArrayLike) -> DeLong:
    """AUCs and their covariance over other patients, who may have images of both classes.

    With one image each it is DeLong's. It is an approximation for many patients.

    Args:
        targets: 0 or 1, (n,), n >= 1.
        scores: of each model, (n, models); higher is more positive.
        patients: of each image, (n,).

    Raises:
        ValueError: as :func:`delong`.
    """
    columns = np.asarray(scores, np.float64)
    if columns.ndim != 2 or not columns.shape[1]:
        raise ValueError(f"scores {columns.shape} are not (n, models)")
    positive = checked_scores(targets, columns[:, 0])[0]
    groups = pd.factorize(np.asarray(patients))[0]
    return of_placements(
        np.stack([placements(positive, s) for s in columns.T], axis=1), positive, groups
    )


def of_placements(
    components: NDArray[np.float64], positive: NDArray[np.bool_], groups: NDArray[np.integer]
) -> DeLong:
    """What :func:`clustered_delong` gives, from what is kept of each model.

    Args:
        components: :func:`placements` of each model, (n, models).
        positive: (n,).
        groups: the patient of each image, numbered from 0, (n,).
    """
    models, count = components.shape[1], int(groups.max()) + 1
    unknown = np.full((models, models), np.nan)
    if positive.all() or not positive.any():
        reason = "the images are all of one class"
        return DeLong(aucs=np.full(models, np.nan), covariance=unknown, reason=reason)
    aucs = components[positive].mean(axis=0)
    apart, images = [], []
    for of_class in (positive, ~positive):
        of_patients = groups[of_class]
        if len(np.unique(of_patients)) == 1:
            reason = "the images of a class are all of one patient"
            return DeLong(aucs=aucs, covariance=unknown, reason=reason)
        centred = components[of_class] - aucs
        apart.append(
            np.stack([np.bincount(of_patients, weights=c, minlength=count) for c in centred.T], 1)
        )
        images.append(len(of_patients))
    of_positives, of_negatives = (
        _bessel(groups[of_class]) * sums.T @ sums / total**2
        for of_class, sums, total in zip((positive, ~positive), apart, images, strict=True)
    )
    cross = _bessel(groups) * apart[0].T @ apart[1] / (images[0] * images[1])
    return DeLong(aucs=aucs, covariance=of_positives + of_negatives + cross + cross.T, reason="")


def placements(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each image the share of the other class that it is in the right order with, (n,).

    NaN where there is no other class.
    """
    if positive.all() or not positive.any():
        return np.full(len(positive), np.nan)
    _, s = checked_scores(positive, scores)
    found, ranks = np.empty(len(s)), mid_ranks(s)
    found[positive] = (ranks[positive] - mid_ranks(s[positive])) / (~positive).sum()
    found[~positive] = 1.0 - (ranks[~positive] - mid_ranks(s[~positive])) / positive.sum()
    return found


def _bessel(groups: NDArray[np.integer]) -> float:
    """What makes up for the mean being that of the same patients."""
    patients = len(np.unique(groups))
    return patients / (patients - 1)


def _normal_quantile(level: float) -> float:
    """Within how many standard deviations of the mean the middle ``level`` lies."""
    return NormalDist().inv_cdf((1.0 + level) / 2.0)
