"""Metrics of one model, in many bootstrap resamples at once.

Each value is that of scikit-learn's metric with every image weighted by how often its patient is
in the resample, at a fraction of the time: the images are sorted once for all resamples, and sparse
products of patients and thresholds take the place of cumulative sums over images. For 25,596 images
of 2,797 patients and 1,000 resamples, average precision took 0.02 to 0.19 s, 4 to 30 times less
than such sums and 40 to 350 times less than scikit-learn (40 to 2 % positives; ``operating_point``:
0.02 s, 30 times less than the sums).

All functions take ``positive``, which images are positive, (n,); ``scores``, (n,), higher for the
more positive, or probabilities ``p``; ``groups``, the patient of each image, (n,); and ``counts``,
how often each patient is in each resample, (patients, resamples), as
:class:`bench.evaluate.resamples.Resamples` has them. Values are (resamples,), NaN where undefined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = NDArray[np.integer]

# Counts computed with at once, patients times resamples: 64 MB; the fewest resamples, since each
# chunk takes some calls of NumPy; and the thresholds at a time, whose values stay in the
# processor's cache.
CHUNK = 16_000_000
FEWEST = 32
ROWS = 64
# Patients at a time whose counts are multiplied with sums, likewise.
PATIENTS = 256


def sums(values: NDArray[Any], *, groups: Ints, counts: Counts) -> Floats:
    """Sums over the images of each resample, (resamples, k), of values (n, k); k is 1 for (n,).

    Those of whole numbers are exact. An accuracy or a Brier score is a quotient of two of them.
    """
    table = np.asarray(values, np.float64).reshape(len(groups), -1)
    by_patient = np.stack(
        [np.bincount(groups, weights=column, minlength=len(counts)) for column in table.T], axis=1
    )
    found = np.zeros((counts.shape[1], by_patient.shape[1]))
    for start in range(0, len(counts), PATIENTS):
        some = slice(start, start + PATIENTS)
        found += counts[some].T.astype(np.float64) @ by_patient[some]
    return found


def average_precision(positive: Bools, scores: Floats, *, groups: Ints, counts: Counts) -> Floats:
    """Average precision: the sum over thresholds of precision times gain in recall.

    NaN where a resample has no positive.
    """
    order = np.argsort(-scores, kind="stable")
    positives = order[positive[order]]
    if not len(positives):
        return np.full(counts.shape[1], np.nan)
    # Recall rises only at a positive: for each distinct score that one has, the number of images
    # down to that score, and its first positive.
    falling = -scores[positives]
    first = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
    called = np.searchsorted(-scores[order], falling[first], side="right")
    of_called = _rows_of_patients(groups[order[: called[-1]]], np.append(0, called), counts)
    of_positives = _rows_of_patients(groups[positives], np.append(first, len(positives)), counts)
    found = np.empty(counts.shape[1])
    for part, chunk in _chunks(counts, len(groups)):
        summed, above, hits = (np.zeros(chunk.shape[1], chunk.dtype) for _ in range(3))
        summed = summed.astype(np.float64)
        for start in range(0, len(first), ROWS):
            rows = slice(start, start + ROWS)
            gains, more = of_positives[rows] @ chunk, of_called[rows] @ chunk
            recalled = _running(gains, hits)
            images = _running(more, above)
            hits, above = recalled[-1], images[-1]
            # Where no image is called positive yet, nothing is gained either.
            precision = np.divide(recalled, np.maximum(images, 1.0), dtype=np.float64)
            summed += np.einsum("ij,ij->j", gains, precision)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
            found[part] = summed / hits
    return found


def operating_point(
    positive: Bools, scores: Floats, *, specificity: float, groups: Ints, counts: Counts
) -> tuple[Floats, Floats]:
    """Sensitivity and number needed to read at the lowest threshold of a specificity.

    The threshold is read off the ROC curve of these very images, without interpolation, and anew
    in each resample: it describes what the scores could do here and promises nothing for a
    threshold that is kept for other images. The number needed to read is the images called
    positive for each true positive, (TP + FP) / TP = 1 / precision (Bachmann et al., "Identifying
    diagnostic studies in MEDLINE: reducing the number needed to read", J. Am. Med. Inform. Assoc.
    9, 2002). It depends on the prevalence among the images.

    Args:
        specificity: at least this share of the negatives is called negative; in (0, 1].

    Returns:
        Sensitivity and number needed to read, each (resamples,); NaN where a class is missing,
        and the latter where there is no true positive.
    """
    order = np.argsort(-scores, kind="stable")
    negatives, positives = order[~positive[order]], order[positive[order]]
    if not len(negatives) or not len(positives):
        nothing = np.full(counts.shape[1], np.nan)
        return nothing, nothing
    # The thresholds lie just above each distinct score of a negative, from the highest on.
    falling = -scores[negatives]
    first = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
    above = np.searchsorted(-scores[positives], falling[first], side="left")
    of_negatives = _rows_of_patients(groups[negatives], np.append(first, len(negatives)), counts)
    of_positives = _rows_of_patients(groups[positives[: above[-1]]], np.append(0, above), counts)
    either = sums(np.stack([~positive, positive], axis=1), groups=groups, counts=counts)
    spare = either[:, 0] - fewest_spared(either[:, 0], specificity=specificity)
    hits, alarms = (np.empty(counts.shape[1]) for _ in range(2))
    for part, chunk in _chunks(counts, len(groups)):
        found = _at_last(of_positives, of_negatives, chunk, spare=spare[part])
        hits[part], alarms[part] = found
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
        hits = np.where(either[:, 0] > 0, hits, np.nan)
        return hits / either[:, 1], (hits + alarms) / np.where(hits > 0, hits, np.nan)


def _at_last(
    of_positives: csr_array, of_negatives: csr_array, counts: NDArray[Any], *, spare: Floats
) -> tuple[Floats, Floats]:
    """True and false positives at the last threshold that has few enough of the latter.

    Args:
        of_positives: images that each threshold calls and the one before does not,
            (thresholds, patients).
        of_negatives: those that the next threshold calls and each does not.
        counts: of some resamples, (patients, resamples).
        spare: how many false positives are few enough, (resamples,), 0 or more.
    """
    hits, alarms = (np.zeros(counts.shape[1]) for _ in range(2))
    true = false = np.zeros(counts.shape[1], counts.dtype)
    for start in range(0, of_positives.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        more = of_negatives[rows] @ counts
        called, next_false = _running(of_positives[rows] @ counts, true), _running(more, false)
        wrongly = next_false - more
        fits = (wrongly <= spare).sum(axis=0)
        going_on = np.flatnonzero(fits)
        if not len(going_on):
            break
        last = fits[going_on] - 1
        hits[going_on], alarms[going_on] = called[last, going_on], wrongly[last, going_on]
        true, false = called[-1], next_false[-1]
    return hits, alarms


def fewest_spared(negatives: NDArray[Any], *, specificity: float) -> Floats:
    """The fewest negatives that must be called negative for a specificity.

    Args:
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


def _rows_of_patients(groups: Ints, bounds: Ints, counts: Counts) -> csr_array:
    """Number of images of each patient in each run of images, (runs, patients), sparse.

    Args:
        groups: the patient of each image, (n,).
        bounds: position of the first image of each run, and ``n``, rising.
        counts: see the module.
    """
    runs = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    shape = (len(bounds) - 1, len(counts))
    return csr_array((np.ones(len(groups), np.float32), (runs, groups)), shape=shape)


def _running(rows: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """Sums of the rows so far and of what was ``before`` them, (k, resamples).

    By whole rows: NumPy's own cumulative sum goes down each column and takes ten times as long.
    """
    found = np.empty_like(rows)
    for row, total in zip(rows, found, strict=True):
        before = np.add(before, row, out=total)
    return found


def _chunks(counts: Counts, images: int) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Many resamples at a time, in single precision where sums of whole numbers are exact in it."""
    exact = images * int(counts.max(initial=0)) < 2**24
    resamples = max(FEWEST, CHUNK // len(counts))
    for start in range(0, counts.shape[1], resamples):
        part = slice(start, start + resamples)
        yield part, counts[:, part].astype(np.float32 if exact else np.float64)
