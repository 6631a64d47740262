"""Temperature scaling: one factor on the logits, fitted on the validation part.

Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from bench.evaluate.bisection import bisect

# The paper sets no bounds. Networks need 1 to 5; validation images that are all called rightly
# would want 0.
COLDEST, HOTTEST = 0.05, 20.0

IMPROPER = {"focal": 0.694, "sin": 0.815, "sin_detached": 0.772, "sin_hump": 0.946}
"""The probability at which a loss is lowest, or has no gradient, where the true one is 0.9.

They are no proper scoring rules (Gneiting, Raftery: "Strictly proper scoring rules, prediction,
and estimation", J. Am. Stat. Assoc. 102, 2007): a network that learns its loss perfectly answers
these, and is not calibrated. Of the built-in losses, with their own options.
"""


def fit_temperature(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """The temperature under which the scaled probabilities have the least log loss.

    The loss is convex in 1 / T, so the sign of its slope leads to its only minimum. Where that
    lies outside of ``COLDEST`` to ``HOTTEST`` there is none: when every image is called rightly,
    say, or wrongly. A probability of exactly 0 or 1 is the same at every temperature and says
    nothing about it, be it right or wrong.

    Args:
        targets: indices of the right classes, (n,): the validation part.
        probabilities: in [0, 1], (n, classes).

    Returns:
        T > 0; above 1 where the probabilities are too confident. NaN where there is none.
    """
    logits, right = _logits(probabilities), np.asarray(targets, np.int64)
    possible = np.isfinite(logits[np.arange(len(logits)), right])
    logits, right = logits[possible], right[possible]
    of_right = logits[np.arange(len(logits)), right]

    def is_too_cold(logarithm: float) -> bool:
        weights = softmax(logits / math.exp(logarithm), axis=1)
        # The slope by 1 / T: the logits expected under the scaled probabilities less the right
        # ones. A class of probability 0 is not expected.
        expected = np.einsum("ij,ij->i", weights, np.where(weights > 0.0, logits, 0.0))
        return bool((expected - of_right).sum() > 0.0)

    low, high = bisect(is_too_cold, math.log(COLDEST), math.log(HOTTEST))
    at_a_bound = low == math.log(COLDEST) or high == math.log(HOTTEST)
    return math.nan if at_a_bound else math.exp((low + high) / 2.0)


def scaled(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Probabilities at another temperature, softmax(log p / T); 1 changes nothing.

    Args:
        probabilities: in [0, 1], (n, classes).
    """
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1))


def _logits(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Logarithms; minus infinity for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.asarray(probabilities, np.float64)))
