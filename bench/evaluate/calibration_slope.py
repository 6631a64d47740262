"""Calibration slope and intercept: logistic regression of the label on the logit of p.

Cox: "Two further applications of a model for binary regression", Biometrika 45, 1958; Van Calster,
McLernon, van Smeden, Wynants, Steyerberg: "Calibration: the Achilles heel of predictive
analytics", BMC Medicine 17, 2019. A calibrated network has the slope 1 and the intercept 0.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from bench.evaluate import metrics
from bench.evaluate.metrics import Bools, Floats, Ints

# Single precision has no number between 1 - 6e-8 and 1: a probability of 1 says no more than this.
CLIP = 1e-7
NEWTON_STEPS = 100
SAME, SEPARATE = "all probabilities are the same", "the probabilities separate the classes"


def clipped_logit(p: Floats) -> Floats:
    """The logit of probabilities in [``CLIP``, 1 - ``CLIP``]; others are moved to its ends."""
    return np.asarray(logit(np.clip(p, CLIP, 1.0 - CLIP)))


def no_slope(positive: Bools, p: Floats) -> str:
    """Why no slope is best, where there are both classes; "" where one is."""
    if (p == p[0]).all():
        return SAME
    above, below = p[positive], p[~positive]
    return SEPARATE if above.min() >= below.max() or above.max() <= below.min() else ""


def calibration_slope(
    positive: Bools, p: Floats, *, groups: Ints, counts: metrics.Counts
) -> Floats:
    """Slope of the regression with a free intercept, (resamples,); below 1 p is too sure.

    Args:
        positive, p, groups, counts: see :mod:`bench.evaluate.metrics`; such that a slope is best
            (:func:`no_slope`).

    Returns:
        NaN where a resample lacks a class. The first column of ``counts`` is of the images as
        they are, and its value exact; the others are one Newton step from it.
    """
    x = clipped_logit(p)
    design = np.stack([np.ones(len(x)), x - x.mean()], axis=1)
    start = np.array([0.0, 1.0])
    offset = np.zeros(len(x))
    return _regression(design, offset, start, positive, groups=groups, counts=counts)[:, 1]


def calibration_intercept(
    positive: Bools, p: Floats, *, groups: Ints, counts: metrics.Counts
) -> Floats:
    """Intercept of the regression with a slope of 1, (resamples,); above 0 p is too low.

    It is "calibration in the large". Arguments and NaNs are those of :func:`calibration_slope`.
    """
    design, start = np.ones((len(p), 1)), np.zeros(1)
    x = clipped_logit(p)
    return _regression(design, x, start, positive, groups=groups, counts=counts)[:, 0]


def _regression(
    design: Floats,
    offset: Floats,
    start: Floats,
    positive: Bools,
    *,
    groups: Ints,
    counts: metrics.Counts,
) -> Floats:
    """Coefficients of the logistic regression in each resample, (resamples, k).

    Args:
        design: of the images as they are, (n, k).
        offset: added to the linear predictor, (n,).
        start: coefficients to start from, (k,).
        positive, groups, counts: see :func:`calibration_slope`.
    """
    best = _fit(design, offset, start, positive)
    n, k = design.shape
    share = expit(design @ best + offset)
    gradient = design * (positive - share)[:, None]
    curvature = (design[:, :, None] * design[:, None, :]) * (share * (1.0 - share))[:, None, None]
    table = np.column_stack([positive, ~positive, gradient, curvature.reshape(n, k * k)])
    sums = metrics.sums(table, groups=groups, counts=counts)
    matrices = sums[:, 2 + k :].reshape(-1, k, k)
    one_class = (sums[:, :2] == 0.0).any(axis=1)
    matrices[one_class | ~(np.linalg.det(matrices) > 0.0)] = np.nan
    return np.asarray(best + np.linalg.solve(matrices, sums[:, 2 : 2 + k, None])[..., 0])


def _fit(design: Floats, offset: Floats, start: Floats, positive: Bools) -> Floats:
    """The coefficients of the largest likelihood, (k,), by Newton's method."""

    def loss(coefficients: Floats) -> float:
        z = design @ coefficients + offset
        return float((np.logaddexp(0.0, z) - positive * z).sum())

    found, lowest = start, loss(start)
    for _ in range(NEWTON_STEPS):
        share = expit(design @ found + offset)
        curvature = (design * (share * (1.0 - share))[:, None]).T @ design
        step = np.linalg.lstsq(curvature, design.T @ (positive - share))[0]
        # Far from the best a whole step can lead beyond it.
        while (here := loss(found + step)) > lowest and np.abs(step).max() > 1e-12:
            step = step / 2.0
        if np.abs(step).max() <= 1e-12:
            break
        found, lowest = found + step, here
    return found
