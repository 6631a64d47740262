"""Metrics of one set of images, by scikit-learn and by brute force, and hostile cases for them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn import metrics

from bench.evaluate.auc import Auc
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration_error import CALIBRATION_BINS
from bench.evaluate.estimate import Estimate
from bench.evaluate.metrics import FEWEST

Case = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint16]]
"""Targets, scores, groups and counts."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Scores with many ties, and counts of more than one chunk of resamples, some of them empty."""
    n = draw(st.integers(2, 12))
    groups = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), np.int64)
    targets = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    scores = np.array(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), np.float64)
    resamples = draw(st.sampled_from([1, FEWEST, FEWEST + 3]))
    counts = draw(hnp.arrays(np.uint16, (6, resamples), elements=st.integers(0, 4)))
    return targets, scores, groups, counts


def auc(targets: ArrayLike, scores: ArrayLike) -> float:
    t = np.asarray(targets)
    return math.nan if len(np.unique(t)) < 2 else float(metrics.roc_auc_score(t, scores))


def average_precision(targets: ArrayLike, scores: ArrayLike) -> float:
    t = np.asarray(targets)
    return float(metrics.average_precision_score(t, scores)) if t.any() else math.nan


def bins_of(p: ArrayLike, *, bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """Bins of equally many images; equal probabilities are in one bin."""
    return ((rankdata(p) - 0.5) * bins / len(np.asarray(p))).astype(int)


def calibration_error(targets: ArrayLike, p: ArrayLike, bins: ArrayLike) -> float:
    """Over the bins of the images."""
    t, q, b = np.asarray(targets), np.asarray(p), np.asarray(bins)
    here = [b == each for each in np.unique(b)]
    return float(
        sum(abs(q[in_bin].mean() - t[in_bin].mean()) * in_bin.sum() for in_bin in here) / len(q)
    )


def operating_point(
    targets: ArrayLike, scores: ArrayLike, *, specificity: float
) -> tuple[float, float]:
    """Sensitivity and number needed to read, by trying every threshold."""
    t, s = np.asarray(targets), np.asarray(scores)
    if len(np.unique(t)) < 2:
        return math.nan, math.nan
    # In whole numbers: a share of 0.95 is one of hundredths.
    enough = [
        threshold
        for threshold in (*np.unique(s), math.inf)
        if (s[t == 0] < threshold).mean() >= specificity - 1e-12
    ]
    called = s >= min(enough)
    hits = (called & (t == 1)).sum()
    return float(called[t == 1].mean()), float(called.sum() / hits) if hits else math.nan


def classification(targets: ArrayLike, called: ArrayLike) -> dict[str, float]:
    """The metrics of binary predictions, from their counts; NaN for 0 / 0."""
    t, c = np.asarray(targets, bool), np.asarray(called, bool)
    tp, fp, fn, tn = (float(x.sum()) for x in (t & c, ~t & c, t & ~c, ~t & ~c))
    quotients = {
        "accuracy": (tp + tn, len(t)),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "precision": (tp, tp + fp),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }
    return {name: a / b if b else math.nan for name, (a, b) in quotients.items()}


def estimated_auc(
    resampling: Resampling,
    *,
    images: ArrayLike,
    patients: ArrayLike,
    targets: ArrayLike,
    scores: ArrayLike,
) -> Auc:
    """The AUC of some images in any order."""
    resamples = resampling.resample(images=images, patients=patients)
    positive, s = np.asarray(targets) == 1, np.asarray(scores, np.float64)
    return resamples.auc(positive[resamples.order], s[resamples.order])


def estimated_accuracy(
    resampling: Resampling,
    *,
    images: ArrayLike,
    patients: ArrayLike,
    targets: ArrayLike,
    scores: ArrayLike,
) -> Estimate:
    """The accuracy at a threshold of 0.5 of images in any order, with their patients resampled."""
    resamples = resampling.resample(images=images, patients=patients)
    right = (np.asarray(scores) >= 0.5) == (np.asarray(targets) == 1)
    return resamples.ratio(right[resamples.order], np.ones(len(right)))
