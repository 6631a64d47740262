"""ROC and precision-recall curves against scikit-learn, and their thinning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from bench.evaluate.binary import auc, average_precision
from bench.evaluate.curves import precision_recall_curve, roc_curve, thinned

IMAGES = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))),
    min_size=2,
).filter(lambda images: len({target for target, _ in images}) == 2)


@given(IMAGES)
def test_curves_are_scikit_learn_s(images: list[tuple[int, float]]) -> None:
    t, s = zip(*images, strict=True)
    roc = roc_curve(t, s)
    false_positive_rate, sensitivity, _ = sklearn_metrics.roc_curve(t, s, drop_intermediate=False)
    np.testing.assert_allclose(roc.false_positive_rate, false_positive_rate, atol=1e-15)
    np.testing.assert_allclose(roc.sensitivity, sensitivity, atol=1e-15)
    assert sklearn_metrics.auc(roc.false_positive_rate, roc.sensitivity) == pytest.approx(auc(t, s))

    found = precision_recall_curve(t, s)
    precision, recall, _ = sklearn_metrics.precision_recall_curve(t, s)
    # Its last point is one of recall 0 and precision 1, which no threshold has.
    np.testing.assert_allclose(found.recall[1:], recall[-2::-1], atol=1e-15)
    np.testing.assert_allclose(found.precision[1:], precision[-2::-1], atol=1e-15)
    assert (found.recall[0], found.precision[0]) == (0.0, found.precision[1])
    steps = np.diff(found.recall) * found.precision[1:]
    assert steps.sum() == pytest.approx(average_precision(t, s))


def test_what_is_undefined_has_no_points() -> None:
    for targets in ([0, 0], [1, 1]):
        roc = roc_curve(targets, [0.1, 0.9])
        assert (len(roc.sensitivity), len(roc.false_positive_rate)) == (0, 0)
    assert len(precision_recall_curve([0, 0], [0.1, 0.9]).recall) == 0
    assert precision_recall_curve([1, 1], [0.1, 0.9]).precision.tolist() == [1.0, 1.0, 1.0]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60),
    st.integers(2, 30),
)
def test_points_left_out_are_near_one_that_is_kept(
    curve: list[tuple[float, float]], points: int
) -> None:
    x, y = np.array(curve).T
    kept = np.stack(thinned(x, y, points=points), axis=1)
    assert len(kept) <= points
    ends = [0, -1]
    np.testing.assert_array_equal(kept[ends], np.stack([x, y], axis=1)[ends])
    if len(x) <= points:
        np.testing.assert_array_equal(kept, np.stack([x, y], axis=1))
    length = np.abs(np.diff(x)).sum() + np.abs(np.diff(y)).sum()
    bound = length / (2 * (points // 2))
    for point in zip(x, y, strict=True):
        assert np.abs(kept - point).sum(axis=1).min() <= bound * (1 + 1e-9) + 1e-12


def test_a_roc_curve_of_a_large_test_set_is_hardly_changed_by_200_points() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random(20_000) < 0.5
    curve = roc_curve(targets, rng.normal(targets))
    x, y = thinned(curve.false_positive_rate, curve.sensitivity, points=200)
    assert len(x) <= 200
    there = np.interp(curve.false_positive_rate, x, y)
    assert np.abs(there - curve.sensitivity).max() < 0.01
    assert sklearn_metrics.auc(x, y) == pytest.approx(
        sklearn_metrics.auc(curve.false_positive_rate, curve.sensitivity), abs=1e-3
    )
