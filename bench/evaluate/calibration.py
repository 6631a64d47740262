"""Calibration: the reliability curve, and temperature scaling.

Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.binary import CALIBRATION_BINS, calibration_bins, checked_probabilities
from bench.registry import TargetKind

# The paper sets no bounds. Networks need 1 to 5; validation images that are all called rightly
# would want 0.
COLDEST, HOTTEST = 0.05, 20.0
# Each step halves the range of the logarithm: to a relative width of 6 / 2^40.
HALVINGS = 40


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """The bins of :func:`bench.evaluate.binary.expected_calibration_error` that hold an image.

    Attributes:
        mean_probability: of the bin's images, rising, (k,).
        share_positive: among them, (k,).
        images: how many, (k,).
    """

    mean_probability: NDArray[np.float64]
    share_positive: NDArray[np.float64]
    images: NDArray[np.int64]


def reliability_curve(
    targets: ArrayLike, probabilities: ArrayLike, *, bins: int = CALIBRATION_BINS
) -> Reliability:
    """How often images are positive that are said to be so with some probability.

    Args:
        targets: 0 or 1, shape (n,), n >= 1.
        probabilities: of the positive class, in [0, 1], shape (n,).
        bins: of equally many images as far as ties allow.

    Raises:
        ValueError: as :func:`bench.evaluate.binary.binary_metrics`.
    """
    positive, p = checked_probabilities(targets, probabilities)
    bin_of = calibration_bins(p, bins=bins)
    images = np.bincount(bin_of)
    held = images > 0
    return Reliability(
        mean_probability=np.bincount(bin_of, weights=p)[held] / images[held],
        share_positive=np.bincount(bin_of, weights=positive)[held] / images[held],
        images=images[held],
    )


def fit_temperature(targets: ArrayLike, probabilities: ArrayLike, *, kind: TargetKind) -> float:
    """The temperature under which the scaled probabilities have the least log loss.

    The loss is convex in 1 / T, so the sign of its slope leads to its only minimum. Where that
    lies outside of ``COLDEST`` to ``HOTTEST`` there is none: when every image is called rightly,
    say, or wrongly. A probability of exactly 0 or 1 is the same at every temperature and says
    nothing about it, be it right or wrong.

    Args:
        targets: indices of the right classes (n,), or 0 and 1 (n, labels) for "multilabel".
        probabilities: in [0, 1], (n, outputs): the validation part.
        kind: whether the outputs are classes, which exclude one another, or labels.

    Returns:
        T > 0; above 1 where the probabilities are too sure. One for all labels. NaN where there
        is none.
    """
    t, p = np.asarray(targets), np.asarray(probabilities, np.float64)
    if kind == "multilabel":
        logits = _logits(p.ravel())
        # The log loss of a label is that of two classes with logits 0 and its own.
        z, right = np.stack([np.zeros_like(logits), logits], axis=1), t.ravel().astype(np.int64)
        z, right = z[np.isfinite(logits)], right[np.isfinite(logits)]
    else:
        z, right = _logarithms(p), t.astype(np.int64)
        possible = np.isfinite(z[np.arange(len(z)), right])
        z, right = z[possible], right[possible]
    of_right = z[np.arange(len(z)), right]
    low, high = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        weights = _softmax(z / math.exp(middle))
        # The slope by 1 / T: the logits expected under the scaled probabilities less the right
        # ones. A class of probability 0 is not expected.
        expected = np.einsum("ij,ij->i", weights, np.where(weights > 0.0, z, 0.0))
        if (expected - of_right).sum() > 0.0:
            low = middle
        else:
            high = middle
    at_a_bound = low == math.log(COLDEST) or high == math.log(HOTTEST)
    return math.nan if at_a_bound else math.exp((low + high) / 2.0)


def scaled(
    probabilities: ArrayLike, temperature: float, *, kind: TargetKind
) -> NDArray[np.float64]:
    """Probabilities at another temperature: logits divided by it; the order of images stays.

    Args:
        probabilities: in [0, 1], (n, outputs).
        temperature: above 0; 1 changes nothing.
        kind: "multiclass" for softmax(log p / T), "multilabel" for sigmoid(logit p / T).

    Returns:
        (n, outputs).
    """
    p = np.asarray(probabilities, np.float64)
    if kind == "multiclass":
        return _softmax(_logarithms(p) / temperature)
    with np.errstate(over="ignore"):  # exp may be infinite, and 1 / infinity is the 0 that is meant
        return np.asarray(1.0 / (1.0 + np.exp(-_logits(p) / temperature)))


def _logits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds; infinite for 0 and 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p) - np.log1p(-p))


def _logarithms(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus infinity for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p))


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row; minus infinity gives 0."""
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
