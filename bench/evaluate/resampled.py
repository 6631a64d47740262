"""Figures of one model in many resamples at once; the AUC has :mod:`bench.evaluate.ranking`.

Each equals what the plain metric gives on the images repeated as often as they were drawn. All
take the images in one order, and for it the patient of each image and how often each patient is
in each resample, as :class:`bench.evaluate.bootstrap.Drawn` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.binary import CALIBRATION_BINS
from bench.evaluate.operating import fewest_spared
from bench.evaluate.ranking import CHUNK, Ranking

Counts = NDArray[np.integer]


def sums(values: NDArray[Any], *, groups: NDArray[np.int64], counts: Counts) -> NDArray[np.float64]:
    """Sums over the images of each resample; those of whole numbers are exact.

    A mean, an accuracy or a Brier score is a quotient of two of them.

    Args:
        values: of each image, (n, k) or (n,).
        groups: the patient of each image, (n,).
        counts: how often each patient is in each resample, (patients, resamples).

    Returns:
        (resamples, k); k is 1 for values (n,).
    """
    table = np.asarray(values, np.float64).reshape(len(groups), -1)
    by_patient = np.stack(
        [np.bincount(groups, weights=column, minlength=len(counts)) for column in table.T], axis=1
    )
    found = np.empty((counts.shape[1], by_patient.shape[1]))
    for part, chunk in _chunks(counts):
        found[part] = chunk.T @ by_patient
    return found


def average_precision(
    positive: NDArray[np.bool_],
    scores: NDArray[np.float64],
    *,
    groups: NDArray[np.int64],
    counts: Counts,
) -> NDArray[np.float64]:
    """The average precision of each resample, as :func:`bench.evaluate.binary.average_precision`.

    Args:
        positive: which images are positive, (n,).
        scores: (n,); higher is more positive.
        groups, counts: as :func:`sums`.

    Returns:
        (resamples,); NaN where a resample has no positive.
    """
    found = np.full(counts.shape[1], np.nan)
    order = np.argsort(-scores, kind="stable")
    positives = order[positive[order]]
    if not len(positives):
        return found
    # Recall rises only where a positive is: of each distinct score that one has, its first
    # positive, and the place of the last image that is scored as high.
    falling = -scores[positives]
    first = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
    last = np.searchsorted(-scores[order], falling[first], side="right") - 1
    for part, chunk in _chunks(counts):
        gains = np.add.reduceat(chunk[groups[positives]], first, axis=0)
        hits = np.cumsum(gains, axis=0)
        called = np.cumsum(chunk[groups[order]], axis=0)[last]
        # Where nobody has been called yet, nothing has been gained either.
        summed = np.einsum("ij,ij->j", gains, hits / np.maximum(called, 1.0))
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
            found[part] = summed / hits[-1]
    return found


def calibration_error(
    positive: NDArray[np.bool_],
    p: NDArray[np.float64],
    *,
    groups: NDArray[np.int64],
    counts: Counts,
    bins: int = CALIBRATION_BINS,
) -> NDArray[np.float64]:
    """The expected calibration error of each resample, as in :mod:`bench.evaluate.binary`.

    The bins are formed anew in each resample, so that each holds equally many of its images. A
    calibration error is biased upwards by what is left to chance, and resampling adds more of
    it: the draws lie higher than the value itself.

    Args:
        positive: which images are positive, (n,).
        p: probabilities of the positive class, (n,).
        groups, counts: as :func:`sums`.
        bins: number of bins.

    Returns:
        (resamples,); NaN where a resample is empty.
    """
    found = np.empty(counts.shape[1])
    order = np.argsort(p, kind="stable")
    rising = p[order]
    first = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
    images = np.diff(np.append(first, len(p)))
    residuals = (rising - positive[order])[:, None]
    for part, chunk in _chunks(counts):
        weights = chunk[groups[order]]
        of_value = np.add.reduceat(weights, first, axis=0)
        total = weights.sum(axis=0)
        # Mid-ranks less a half. A value that was not drawn may come into a bin too many.
        middle = np.cumsum(of_value, axis=0) - of_value / 2.0
        share = middle * bins / np.maximum(total, 1.0)
        bin_of = np.repeat(np.minimum(share.astype(np.int64), bins - 1), images, axis=0)
        resamples = chunk.shape[1]
        apart = (bin_of + bins * np.arange(resamples)).ravel()
        excess = np.bincount(
            apart, weights=(weights * residuals).ravel(), minlength=bins * resamples
        )
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
            found[part] = np.abs(excess).reshape(resamples, bins).sum(axis=1) / total
    return found


def operating_point(
    positive: NDArray[np.bool_],
    scores: NDArray[np.float64],
    *,
    specificity: float,
    groups: NDArray[np.int64],
    counts: Counts,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The operating point of each resample, as in :mod:`bench.evaluate.operating`.

    The threshold is chosen anew in each resample, since it is not known better than it is there.

    Args:
        positive: which images are positive, (n,).
        scores: (n,); higher is more positive.
        specificity: at least this share of the negatives is called negative; in (0, 1].
        groups, counts: as :func:`sums`.

    Returns:
        Sensitivity and needed to read, each (resamples,); NaN where undefined.
    """
    ranking = Ranking.of(positive, scores)
    sensitivity, needed = (np.full(counts.shape[1], np.nan) for _ in range(2))
    if ranking.one_class:
        return sensitivity, needed
    negatives = scores[ranking.negatives]
    # For a threshold just above each negative: how many of either class lie below.
    spared = np.searchsorted(negatives, negatives, side="right")
    missed = np.searchsorted(scores[ranking.positives], negatives, side="right")
    for part, chunk in _chunks(counts):
        columns = np.arange(chunk.shape[1])
        false_alarms = np.cumsum(chunk[groups[ranking.negatives]], axis=0)
        hits = np.zeros((len(ranking.positives) + 1, chunk.shape[1]))
        np.cumsum(chunk[groups[ranking.positives]], axis=0, out=hits[1:])
        fewest = fewest_spared(false_alarms[-1], specificity=specificity)
        # A resample without negatives has no threshold; its place here is any.
        place = np.minimum((false_alarms < fewest).sum(axis=0), len(negatives) - 1)
        true_positives = hits[-1] - hits[missed[place], columns]
        false_positives = false_alarms[-1] - false_alarms[spared[place] - 1, columns]
        with np.errstate(invalid="ignore", divide="ignore"):
            both = np.where(false_alarms[-1] > 0, true_positives, np.nan)
            sensitivity[part] = both / hits[-1]
            needed[part] = (both + false_positives) / np.where(both > 0, both, np.nan)
    return sensitivity, needed


def _chunks(counts: Counts) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Some resamples after the other, so that what is summed stays near the processor."""
    for start in range(0, counts.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        yield part, counts[:, part].astype(np.float64)
