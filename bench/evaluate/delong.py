"""The AUC's variance without resampling: DeLong's, and Obuchowski's for patients of several images.

DeLong, DeLong, Clarke-Pearson: "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44, 1988; from mid-ranks as in Sun, Xu: "Fast
implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014. Obuchowski:
"Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from bench.evaluate.estimate import LEVEL, Interval

# Variances below this share of what they are the difference of are rounding errors.
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class Components:
    """DeLong's structural components of one model on some images.

    Attributes:
        values: :func:`structural_components`, (n,).
        positive: which images are positive, (n,).
        groups: the patient of each image, numbered from 0, (n,).
    """

    values: NDArray[np.float64]
    positive: NDArray[np.bool_]
    groups: NDArray[np.int64]


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
    reason: str = ""

    def interval(self, model: int, *, level: float = LEVEL) -> Interval:
        """The confidence interval of one model's AUC.

        It is symmetric on the scale of log(AUC / (1 - AUC)), so that it does not leave [0, 1].
        """
        auc, variance = float(self.aucs[model]), float(self.covariance[model, model])
        reason = self.reason
        if not reason and not variance > 0.0:
            reason = "the AUC does not vary among these images"
        if reason:
            return Interval(value=auc, reason=reason)
        logit = math.log(auc / (1.0 - auc))
        quantile = float(ndtri((1.0 + level) / 2.0))
        half = quantile * math.sqrt(variance) / (auc * (1.0 - auc))
        return Interval(value=auc, low=float(expit(logit - half)), high=float(expit(logit + half)))

    def p_value(self, model: int, reference: int) -> float:
        """Two-sided p of two models having the same true AUC, from their paired difference.

        Returns:
            1 where the AUCs are the same; NaN where their difference does not vary.
        """
        if self.reason:
            return math.nan
        if self.aucs[model] == self.aucs[reference]:
            return 1.0
        c = self.covariance
        variances = c[model, model] + c[reference, reference]
        variance = variances - c[model, reference] - c[reference, model]
        if not variance > ROUNDING * variances:
            return math.nan
        z = abs(float(self.aucs[model] - self.aucs[reference])) / math.sqrt(variance)
        return math.erfc(z / math.sqrt(2.0))


def delong(targets: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> DeLong:
    """AUCs and their covariance over other images, or over other patients.

    Patients may have images of both classes; with one image each it is DeLong's variance. For
    patients of several images it is Obuchowski's, an approximation for many patients.

    Args:
        targets: 0 or 1, (n,), n >= 1.
        scores: of each model, (n, models); higher is more positive.
        patients: of each image, (n,); by default no two images share one.
    """
    positive, columns = np.asarray(targets) == 1, np.asarray(scores, np.float64)
    groups = np.arange(len(positive)) if patients is None else pd.factorize(np.asarray(patients))[0]
    return from_components(
        [
            Components(values=structural_components(positive, s), positive=positive, groups=groups)
            for s in columns.T
        ]
    )


def structural_components(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The share of the other class that each image is in the right order with, ties half, (n,).

    NaN where there is no other class.
    """
    if positive.all() or not positive.any():
        return np.full(len(positive), np.nan)
    found, ranks = np.empty(len(scores)), _mid_ranks(scores)
    found[positive] = (ranks[positive] - _mid_ranks(scores[positive])) / (~positive).sum()
    found[~positive] = 1.0 - (ranks[~positive] - _mid_ranks(scores[~positive])) / positive.sum()
    return found


def from_components(models: Sequence[Components]) -> DeLong:
    """The AUCs of some models on the same images, from their structural components."""
    values = np.stack([model.values for model in models], axis=1)
    positive, groups = models[0].positive, models[0].groups
    unknown = np.full((len(models), len(models)), np.nan)
    if positive.all() or not positive.any():
        reason = "the images are all of one class"
        return DeLong(aucs=np.full(len(models), np.nan), covariance=unknown, reason=reason)
    aucs = values[positive].mean(axis=0)
    if any(len(np.unique(groups[of_class])) == 1 for of_class in (positive, ~positive)):
        reason = "the images of a class are all of one patient"
        return DeLong(aucs=aucs, covariance=unknown, reason=reason)
    # Of each class: the deviations of each patient's images, summed, (patients, models).
    sums, correction, images = [], [], []
    for of_class in (positive, ~positive):
        patients, deviations = groups[of_class], values[of_class] - aucs
        columns = [np.bincount(patients, d, minlength=groups.max() + 1) for d in deviations.T]
        sums.append(np.stack(columns, axis=1))
        correction.append(_bessel(patients))
        images.append(len(patients))
    within = sum(c * s.T @ s / n**2 for c, s, n in zip(correction, sums, images, strict=True))
    cross = _bessel(groups) * sums[0].T @ sums[1] / (images[0] * images[1])
    return DeLong(aucs=aucs, covariance=np.asarray(within + cross + cross.T))


def _mid_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal scores share the mean of theirs."""
    return np.asarray(pd.Series(scores).rank(), np.float64)


def _bessel(groups: NDArray[np.integer]) -> float:
    """Bessel's correction for the mean being that of the same patients."""
    patients = len(np.unique(groups))
    return patients / (patients - 1)
