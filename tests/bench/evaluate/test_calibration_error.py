"""The expected calibration error by hand and by brute force, and what chance adds to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from bench.evaluate.calibration_error import (
    CALIBRATION_BINS,
    bin_errors,
    calibration_error,
    chance_of,
    without_chance,
)
from tests.bench.evaluate import reference
from tests.bench.evaluate.reference import Case, cases


def plain(targets: ArrayLike, p: ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """The error of images as they are."""
    images = {
        "groups": np.arange(len(np.asarray(p))),
        "counts": np.ones((len(np.asarray(p)), 1), np.uint16),
    }
    errors = bin_errors(np.array(targets) == 1, np.array(p), bins=bins, **images)
    return float(calibration_error(errors)[0])


def net(
    positive: np.ndarray, p: np.ndarray, groups: np.ndarray, *, bins: int = CALIBRATION_BINS
) -> float:
    """The error of images as they are, without chance."""
    counts = np.ones((groups.max() + 1, 1), np.uint16)
    errors = bin_errors(positive, p, groups=groups, counts=counts, bins=bins)
    return float(without_chance(errors, chance_of(positive, p, groups=groups, bins=bins))[0])


def test_two_bins_of_two_by_hand() -> None:
    """|0.2 - 0.5| and |0.7 - 1|, each half of the images."""
    assert plain([0, 1, 1, 1], [0.1, 0.3, 0.6, 0.8], bins=2) == pytest.approx(0.3)


def test_a_constant_prediction_is_one_bin() -> None:
    """Equal probabilities cut into several bins would make the prior look uncalibrated."""
    found = [plain([1] * 40 + [0] * 60, [p] * 100) for p in (0.4, 0.9)]
    assert found == pytest.approx([0.0, 0.5], abs=1e-12)


@settings(max_examples=50)
@given(cases(), st.integers(1, 16))
def test_resamples_have_the_bins_of_the_images_as_they_are(case: Case, bins: int) -> None:
    targets, scores, groups, counts = case
    p = (scores + 3.0) / 6.0
    errors = bin_errors(targets == 1, p, groups=groups, counts=counts, bins=bins)
    found = calibration_error(errors)
    bin_of = reference.bins_of(p, bins=bins)
    for value, times in zip(found, counts[groups].T, strict=True):
        t, q, b = (np.repeat(each, times) for each in (targets, p, bin_of))
        expected = reference.calibration_error(t, q, b) if times.any() else math.nan
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def by_halves(error: float, deviation: float) -> float:
    """A bin's distance: its sign from one half of the patients, its size from the other."""

    def product(z: float) -> float:
        change = z * deviation / 2.0
        return math.copysign(1.0, error / 2.0 + change) * 2.0 * (error / 2.0 - change) * norm.pdf(z)

    return quad(product, -9.0, 9.0, points=[-error / deviation], epsabs=1e-12)[0]


def test_chance_is_taken_off_by_the_other_half_of_the_patients() -> None:
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 60, 150))
    p = rng.random(150)
    positive = rng.random(150) < p**2
    expected = 0.0
    bin_of = reference.bins_of(p, bins=5)
    for b in range(5):
        here = bin_of == b
        variance = 0.0
        for patient in np.unique(groups[here]):
            own = here & (groups == patient)
            r = p[own] - positive[own]
            variance += (p[own] * (1 - p[own])).sum() + r.sum() ** 2 - (r**2).sum()
        error = (p[here] - positive[here]).sum() / 150
        expected += by_halves(error, math.sqrt(variance) / 150)
    assert net(positive, p, groups, bins=5) == pytest.approx(expected, abs=1e-9)


def test_what_is_certain_has_no_chance_in_it() -> None:
    positive, p = np.array([True, True, False, True]), np.array([0.0, 1.0, 0.0, 1.0])
    assert net(positive, p, np.arange(4)) == 1 / 4


def test_a_calibrated_network_has_none_on_average_and_a_sure_one_has_its_own() -> None:
    rng = np.random.default_rng(1)
    groups = np.arange(400)
    calibrated, sure, biased = [], [], []
    for _ in range(200):
        z = rng.normal(0.0, 1.5, 400)
        positive = rng.random(400) < expit(z)
        biased.append(plain(positive, expit(z)))
        calibrated.append(net(positive, expit(z), groups))
        sure.append(net(positive, expit(4 * z), groups))
    assert np.mean(biased) > 0.05
    assert abs(np.mean(calibrated)) < 3 * np.std(calibrated) / math.sqrt(200)
    z = rng.normal(0.0, 1.5, 1_000_000)
    assert np.mean(sure) == pytest.approx(np.abs(expit(4 * z) - expit(z)).mean(), abs=0.01)
