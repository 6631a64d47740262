"""Metrics of many resamples at once, against one resample after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from bench.evaluate import metrics
from tests.bench.evaluate import reference
from tests.bench.evaluate.reference import Case, cases


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """As few resamples at once as with many images, and few thresholds and patients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "CHUNK", 1)
        patch.setattr(metrics, "ROWS", 3)
        patch.setattr(metrics, "PATIENTS", 4)
        yield


def one_by_one(case: Case, metric: Callable[[np.ndarray, np.ndarray], float]) -> list[float]:
    """A plain metric of each resample's images, repeated; NaN where there is none."""
    targets, scores, groups, counts = case
    return [
        metric(np.repeat(targets, times), np.repeat(scores, times)) if times.any() else math.nan
        for times in counts[groups].T
    ]


def agree(found: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=15)
@given(cases())
def test_average_precision_is_scikit_learn_s_of_weighted_images(case: Case) -> None:
    targets, scores, groups, counts = case
    found = metrics.average_precision(targets == 1, scores, groups=groups, counts=counts)
    for k, weights in enumerate(counts[groups].T):
        if weights[targets == 1].any():
            expected = average_precision_score(targets, scores, sample_weight=weights)
            assert found[k] == pytest.approx(expected, abs=1e-12)
            assert found[k] <= 1.0
        else:
            assert np.isnan(found[k])


@settings(max_examples=50)
@given(cases(), st.sampled_from([0.05, 0.5, 0.9, 0.95, 1.0]))
def test_operating_point_is_the_lowest_threshold_of_the_specificity(
    case: Case, specificity: float
) -> None:
    targets, scores, groups, counts = case
    found = metrics.operating_point(
        targets == 1, scores, specificity=specificity, groups=groups, counts=counts
    )
    for which, values in enumerate(found):

        def metric(t: np.ndarray, s: np.ndarray, which: int = which) -> float:
            return reference.operating_point(t, s, specificity=specificity)[which]

        agree(values, one_by_one(case, metric))


@given(cases())
def test_sums_of_whole_numbers_are_exact(case: Case) -> None:
    targets, scores, groups, counts = case
    values = np.stack([targets, scores, np.ones_like(scores)], axis=1)
    found = metrics.sums(values, groups=groups, counts=counts)
    np.testing.assert_array_equal(found, counts[groups].astype(np.float64).T @ values)
    alone = metrics.sums(targets, groups=groups, counts=counts)
    np.testing.assert_array_equal(alone, found[:, :1])


def test_a_larger_study_without_ties() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random(600) < 0.3).astype(np.int64)
    p = rng.beta(1 + 2 * targets, 3)
    groups = rng.integers(0, 90, 600)
    counts = rng.multinomial(90, np.full(90, 1 / 90), size=40).T.astype(np.uint16)
    case, images = (targets, p, groups, counts), {"groups": groups, "counts": counts}
    found = metrics.average_precision(targets == 1, p, **images)
    agree(found, one_by_one(case, reference.average_precision))
    sensitivity, _ = metrics.operating_point(targets == 1, p, specificity=0.9, **images)
    agree(
        sensitivity,
        one_by_one(case, lambda t, q: reference.operating_point(t, q, specificity=0.9)[0]),
    )


def test_average_precision_of_more_images_than_single_precision_can_count() -> None:
    """A patient 20,000,001 times in a resample: in float32 the last one would be lost."""
    p, targets = np.array([0.9, 0.8, 0.7]), np.array([False, True, True])
    counts = np.array([[20_000_000], [1], [1]], np.uint32)
    found = metrics.average_precision(targets, p, groups=np.arange(3), counts=counts)
    assert found[0] == pytest.approx((1 / 20_000_001 + 2 / 20_000_002) / 2, rel=1e-15)


def test_operating_points_by_hand() -> None:
    targets = np.array([0] * 10 + [1] * 4)
    scores = np.array([*np.arange(10) / 10, 0.35, 0.85, 0.95, 0.95])
    images = {"groups": np.arange(14), "counts": np.ones((14, 1), np.uint16)}
    # At 0.85 nine of ten negatives are spared, and the tenth is read with three positives.
    found = metrics.operating_point(targets == 1, scores, specificity=0.9, **images)
    assert np.ravel(found) == pytest.approx([0.75, 4 / 3])
    # 19 of 20 are asked for, and there are ten: so all ten.
    found = metrics.operating_point(targets == 1, scores, specificity=0.95, **images)
    assert np.ravel(found) == pytest.approx([0.5, 1.0])


def test_a_share_in_decimals_is_meant_exactly() -> None:
    """However its product with the number of images is rounded: 0.07 * 100 is above 7."""
    whole = np.arange(1, 1001)
    for hundredths in range(1, 101):
        expected = -(-hundredths * whole // 100)
        found = metrics.fewest_spared(whole, specificity=hundredths / 100)
        np.testing.assert_array_equal(found, expected, err_msg=str(hundredths))


@pytest.mark.parametrize("specificity", [0.0, -0.1, 1.01, math.nan])
def test_a_specificity_that_is_none_is_refused(specificity: float) -> None:
    with pytest.raises(ValueError, match=r"not in \(0, 1\]"):
        metrics.fewest_spared(np.array(10), specificity=specificity)
