"""Expected calibration error (ECE), and what is left of it when chance is taken off.

Naeini, Cooper, Hauskrecht: "Obtaining well calibrated probabilities using Bayesian binning", AAAI
2015; Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import erf

from bench.evaluate import metrics
from bench.evaluate.metrics import Bools, Floats, Ints

CALIBRATION_BINS = 15  # as in Guo et al.


def bins_of(p: Floats, *, bins: int = CALIBRATION_BINS) -> Ints:
    """The bin of each probability, 0 … ``bins`` - 1, (n,).

    The bins hold equally many images ("equal mass") as far as ties allow: equal probabilities are
    in one bin, so that the order of the images does not matter and a constant prediction is one
    bin. Ties leave some bins empty.
    """
    mid_ranks = pd.Series(p).rank().to_numpy()
    return np.asarray(((mid_ranks - 0.5) * bins / len(p)).astype(np.int64))


def bin_errors(
    positive: Bools,
    p: Floats,
    *,
    groups: Ints,
    counts: metrics.Counts,
    bins: int = CALIBRATION_BINS,
) -> Floats:
    """Mean probability less share of positives of each bin, times the share of its images.

    The bins are those of the images as they are.

    Args:
        positive, p, groups, counts: see :mod:`bench.evaluate.metrics`.

    Returns:
        (resamples, bins); NaN where a resample is empty.
    """
    table = np.zeros((len(p), bins + 1))
    table[np.arange(len(p)), bins_of(p, bins=bins)] = p - positive
    table[:, -1] = 1.0
    sums = metrics.sums(table, groups=groups, counts=counts)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
        return np.asarray(sums[:, :-1] / sums[:, -1:])


def chance_of(positive: Bools, p: Floats, *, groups: Ints, bins: int = CALIBRATION_BINS) -> Floats:
    """Standard deviation that each bin's error has by chance in a calibrated network, (bins,).

    From the variance of labels that have these probabilities, and the covariances between the
    images of a patient.

    Args:
        positive, p, groups: see :mod:`bench.evaluate.metrics`.
    """
    bin_of, residuals = bins_of(p, bins=bins), p - positive
    patients = int(groups.max()) + 1
    by_patient = np.bincount(groups * bins + bin_of, residuals, patients * bins)
    alone = np.bincount(bin_of, p * (1.0 - p) - residuals**2, bins)
    variance = alone + (by_patient.reshape(patients, bins) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / len(p))


def calibration_error(errors: Floats) -> Floats:
    """The mean distance of a bin's mean probability and share of positives, (resamples,).

    It is too large by chance, since a distance is never below 0, and resampling adds to it: the
    resamples lie above the value itself.

    Args:
        errors: :func:`bin_errors`.
    """
    return np.asarray(np.abs(errors).sum(axis=1))


def without_chance(errors: Floats, chance: Floats) -> Floats:
    """The calibration error without what chance adds to that of a calibrated network, (resamples,).

    Of each bin, one half of the patients says whether its probabilities are too high or too low,
    and the other half by how much: the mean over all halvings, the bins' errors being normal. A
    calibrated network has 0 on average, and so a value below 0 about as often as one above. Where a
    bin's error is clear of chance nothing is taken off; where it is about one standard error, up
    to half a standard error too much is.

    Args:
        errors: :func:`bin_errors`.
        chance: :func:`chance_of`.
    """
    known = chance == 0.0
    z = errors / np.where(known, 1.0, chance)
    density = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)
    halved = errors * erf(z / np.sqrt(2.0)) - 2.0 * chance * density
    return np.asarray(np.where(known, np.abs(errors), halved).sum(axis=1))
