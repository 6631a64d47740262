"""Figures of many resamples at once, against the plain metrics on images repeated as drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evaluate import binary, operating
from bench.evaluate import resampled as many
from tests.bench.evaluate.resamples import resampled

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def one_by_one(case: Case, figure: Callable[[np.ndarray, np.ndarray], float]) -> list[float]:
    """A plain metric of each resample; NaN where no image was drawn."""
    targets, scores, groups, counts = case
    repeats = counts[groups].T
    return [
        figure(np.repeat(targets, each), np.repeat(scores, each)) if each.any() else np.nan
        for each in repeats
    ]


def as_probabilities(case: Case) -> Case:
    """With the ends of the range, and thirds, which are rounded."""
    targets, scores, groups, counts = case
    return targets, (scores + 3.0) / 6.0, groups, counts


@given(resampled())
def test_average_precision(case: Case) -> None:
    targets, scores, groups, counts = case
    found = many.average_precision(targets == 1, scores, groups=groups, counts=counts)
    expected = one_by_one(case, binary.average_precision)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert not (found > 1.0).any()


@given(resampled(), st.integers(1, 16))
def test_calibration_error_in_bins_of_their_own(case: Case, bins: int) -> None:
    targets, p, groups, counts = as_probabilities(case)
    found = many.calibration_error(targets == 1, p, groups=groups, counts=counts, bins=bins)
    expected = one_by_one(
        (targets, p, groups, counts),
        lambda t, q: binary.expected_calibration_error(t, q, bins=bins),
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(resampled(), st.sampled_from([0.05, 0.5, 2 / 3, 0.9, 0.95, 1.0]))
def test_operating_point(case: Case, specificity: float) -> None:
    targets, scores, groups, counts = case
    found = many.operating_point(
        targets == 1, scores, specificity=specificity, groups=groups, counts=counts
    )
    for name, values in zip(("sensitivity", "needed_to_read"), found, strict=True):

        def figure(t: np.ndarray, s: np.ndarray, name: str = name) -> float:
            point = operating.sensitivity_at_specificity(t, s, specificity=specificity)
            return float(getattr(point, name))

        np.testing.assert_allclose(values, one_by_one(case, figure), rtol=0, atol=1e-12)


@given(resampled())
def test_sums_of_whole_numbers_are_exact(case: Case) -> None:
    targets, scores, groups, counts = case
    values = np.stack([targets, scores, np.ones_like(scores)], axis=1)
    found = many.sums(values, groups=groups, counts=counts)
    np.testing.assert_array_equal(found, counts[groups].astype(np.float64).T @ values)
    alone = many.sums(targets, groups=groups, counts=counts)
    np.testing.assert_array_equal(alone, found[:, :1])


def test_a_larger_study_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random(600) < 0.3).astype(np.int64)
    groups = rng.integers(0, 90, 600)
    counts = rng.multinomial(90, np.full(90, 1 / 90), size=70).T.astype(np.uint16)
    for p in (rng.beta(1 + 2 * targets, 3), np.round(rng.beta(1 + 2 * targets, 3), 2)):
        case = targets, p, groups, counts
        images = {"groups": groups, "counts": counts}
        for found, figure in (
            (many.average_precision(targets == 1, p, **images), binary.average_precision),
            (many.calibration_error(targets == 1, p, **images), binary.expected_calibration_error),
            (
                many.sums((p - targets) ** 2, **images)[:, 0]
                / many.sums(p * 0 + 1, **images)[:, 0],
                lambda t, q: float(np.mean((q - t) ** 2)),
            ),
        ):
            np.testing.assert_allclose(found, one_by_one(case, figure), rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", [0, 1])
def test_one_class_has_no_operating_point(target: int) -> None:
    found = many.operating_point(
        np.full(3, target == 1),
        np.arange(3.0),
        specificity=0.9,
        groups=np.arange(3),
        counts=np.ones((3, 5), np.uint16),
    )
    assert np.isnan(found).all()
    assert np.shape(found) == (2, 5)
