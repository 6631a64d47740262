"""ROC and precision-recall curves against scikit-learn, reliability curves, and thinning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from bench.evaluate.curves import (
    Curves,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
    thinned,
)
from tests.bench.evaluate import reference

IMAGES = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))),
    min_size=2,
)


@settings(max_examples=50)
@given(IMAGES.filter(lambda images: len({target for target, _ in images}) == 2))
def test_curves_are_scikit_learn_s(images: list[tuple[int, float]]) -> None:
    t, s = (np.array(each) for each in zip(*images, strict=True))
    x, y, _ = metrics.roc_curve(t, s, drop_intermediate=False)
    np.testing.assert_allclose(roc_curve(t == 1, s), np.stack([x, y], axis=1), atol=1e-15)

    recall, precision = precision_recall_curve(t == 1, s).T
    expected_precision, expected_recall, _ = metrics.precision_recall_curve(t, s)
    # Its last point is one of recall 0 and precision 1, which no threshold has.
    np.testing.assert_allclose(recall[1:], expected_recall[-2::-1], atol=1e-15)
    np.testing.assert_allclose(precision[1:], expected_precision[-2::-1], atol=1e-15)
    assert (recall[0], precision[0]) == (0.0, precision[1])
    area = (np.diff(recall) * precision[1:]).sum()
    assert area == pytest.approx(metrics.average_precision_score(t, s))


@given(IMAGES, st.integers(1, 20))
def test_the_reliability_curve_and_the_calibration_error_have_the_same_bins(
    images: list[tuple[int, float]], bins: int
) -> None:
    t, p = (np.array(each) for each in zip(*images, strict=True))
    mean_probability, share_positive, count = reliability_curve(t, p, bins=bins).T
    assert count.sum() == len(t)
    assert count.min() > 0
    error = (count * np.abs(mean_probability - share_positive)).sum() / len(t)
    assert error == pytest.approx(
        reference.calibration_error(t, p, reference.bins_of(p, bins=bins)), abs=1e-12
    )
    assert (np.diff(mean_probability) > 0).all()
    assert (count * share_positive).sum() == pytest.approx(t.sum())


def test_a_reliability_curve_by_hand() -> None:
    curve = reliability_curve([0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.8, 0.9], bins=3)
    np.testing.assert_allclose(curve, [[0.15, 0.5, 2], [0.4, 0.5, 2], [0.85, 1.0, 2]])


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60),
    st.integers(2, 30),
)
def test_points_left_out_are_near_one_that_is_kept(
    points: list[tuple[float, float]], most: int
) -> None:
    curve = np.array(points)
    kept = thinned(curve, points=most)
    assert len(kept) <= most
    np.testing.assert_array_equal(kept[[0, -1]], curve[[0, -1]])
    if len(curve) <= most:
        np.testing.assert_array_equal(kept, curve)
    bound = np.abs(np.diff(curve, axis=0)).sum() / (2 * (most // 2))
    for point in curve:
        assert np.abs(kept - point).sum(axis=1).min() <= bound * (1 + 1e-9) + 1e-12


def test_a_roc_curve_of_a_large_test_set_is_hardly_changed_by_thinning() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(20_000) < 0.5
    scores = rng.normal(positive)
    p = 1.0 / (1.0 + np.exp(-scores))
    whole, kept = roc_curve(positive, p), Curves.of(positive, p).roc
    assert len(kept) <= 200
    assert np.abs(np.interp(whole[:, 0], *kept.T) - whole[:, 1]).max() < 0.01
    assert metrics.auc(*kept.T) == pytest.approx(metrics.auc(*whole.T), abs=1e-3)
