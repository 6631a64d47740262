"""Reliability curves and temperature scaling, against brute force, scipy and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import optimize, special

from bench.evaluate.binary import auc, expected_calibration_error
from bench.evaluate.calibration import COLDEST, HOTTEST, fit_temperature, reliability_curve, scaled

Floats = NDArray[np.float64]
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1))


@given(
    st.lists(st.tuples(st.integers(0, 1), PROBABILITY), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_the_curve_and_the_calibration_error_have_the_same_bins(
    images: list[tuple[int, float]], bins: int
) -> None:
    t, p = (np.array(each) for each in zip(*images, strict=True))
    curve = reliability_curve(t, p, bins=bins)
    assert curve.images.sum() == len(t)
    assert curve.images.min() > 0
    gaps = np.abs(curve.mean_probability - curve.share_positive)
    assert (curve.images * gaps).sum() / len(t) == pytest.approx(
        expected_calibration_error(t, p, bins=bins), abs=1e-12
    )
    assert (np.diff(curve.mean_probability) > 0).all()
    assert (curve.images * curve.share_positive).sum() == pytest.approx(t.sum())


def test_a_reliability_curve_by_hand() -> None:
    curve = reliability_curve([0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.8, 0.9], bins=3)
    assert curve.mean_probability == pytest.approx([0.15, 0.4, 0.85])
    assert curve.share_positive == pytest.approx([0.5, 0.5, 1.0])
    assert curve.images.tolist() == [2, 2, 2]


def classes(rng: np.random.Generator, *, outputs: int, too_sure: float) -> tuple[Floats, Floats]:
    """Targets drawn from probabilities, and those probabilities with logits times a factor."""
    logits = rng.normal(0.0, 1.5, (20_000, outputs))
    true = special.softmax(logits, axis=1)
    targets = (rng.random((20_000, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return targets, special.softmax(logits * too_sure, axis=1)


@pytest.mark.parametrize("outputs", [2, 14])
@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_how_much_too_sure_a_network_is_is_found(outputs: int, too_sure: float) -> None:
    targets, p = classes(np.random.default_rng(0), outputs=outputs, too_sure=too_sure)
    found = fit_temperature(targets, p, kind="multiclass")
    assert found == pytest.approx(too_sure, rel=0.05)
    if outputs == 2 and too_sure == 3.0:
        before, after = (
            expected_calibration_error(targets, q[:, 1])
            for q in (p, scaled(p, found, kind="multiclass"))
        )
        assert after < 0.02 < 0.1 < before


def test_labels_share_one_temperature() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(-1.0, 1.5, (20_000, 3))
    targets = (rng.random(logits.shape) < special.expit(logits)).astype(np.float64)
    found = fit_temperature(targets, special.expit(2.5 * logits), kind="multilabel")
    assert found == pytest.approx(2.5, rel=0.05)


def test_no_temperature_has_a_lower_loss() -> None:
    """scipy's search over the loss itself; ours goes by its slope."""
    targets, p = classes(np.random.default_rng(2), outputs=4, too_sure=1.7)
    targets, p = targets[:300], p[:300]

    def loss(logarithm: float) -> float:
        z = special.log_softmax(np.log(p) / math.exp(logarithm), axis=1)
        return float(-z[np.arange(300), targets].mean())

    best = optimize.minimize_scalar(loss, bounds=(-3.0, 3.0), options={"xatol": 1e-9})
    found = fit_temperature(targets, p, kind="multiclass")
    assert math.log(found) == pytest.approx(best.x, abs=1e-5)


def test_two_classes_are_one_label() -> None:
    targets, p = classes(np.random.default_rng(3), outputs=2, too_sure=2.0)
    as_label = fit_temperature(targets[:, None], p[:, 1:], kind="multilabel")
    assert fit_temperature(targets, p, kind="multiclass") == pytest.approx(as_label, rel=1e-6)
    np.testing.assert_allclose(
        scaled(p, 2.0, kind="multiclass")[:, 1:], scaled(p[:, 1:], 2.0, kind="multilabel")
    )


def test_what_is_certain_says_nothing_of_the_temperature() -> None:
    targets, p = classes(np.random.default_rng(4), outputs=2, too_sure=2.0)
    more = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    found = fit_temperature(np.append(targets, [1, 0, 1]), np.vstack([p, more]), kind="multiclass")
    assert found == fit_temperature(targets, p, kind="multiclass")
    labels = fit_temperature(
        np.append(targets, [1, 0, 1])[:, None], np.vstack([p, more])[:, 1:], kind="multilabel"
    )
    assert labels == pytest.approx(found, rel=1e-6)


def test_a_class_that_is_never_thought_possible_changes_nothing() -> None:
    targets, p = classes(np.random.default_rng(6), outputs=2, too_sure=2.0)
    third = np.hstack([p, np.zeros((len(p), 1))])
    found = fit_temperature(targets, third, kind="multiclass")
    assert found == pytest.approx(fit_temperature(targets, p, kind="multiclass"), rel=1e-9)
    assert (scaled(third, found, kind="multiclass")[:, 2] == 0.0).all()


@pytest.mark.parametrize("wrong", [False, True])
def test_where_no_temperature_is_best_there_is_none(wrong: bool) -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    targets = np.array([1, 0] if wrong else [0, 1])
    assert math.isnan(fit_temperature(targets, p, kind="multiclass"))


@given(
    arrays(np.float64, (6, 2), elements=PROBABILITY),
    st.lists(st.integers(0, 1), min_size=6, max_size=6),
    st.floats(COLDEST, HOTTEST),
)
def test_scaling_keeps_order_and_range(p: Floats, targets: list[int], temperature: float) -> None:
    labels = scaled(p, temperature, kind="multilabel")
    assert ((labels >= 0.0) & (labels <= 1.0)).all()
    order = np.argsort(p[:, 0], kind="stable")
    assert (np.diff(labels[order, 0]) >= 0.0).all()
    np.testing.assert_array_equal(labels[(p == 0.0) | (p == 1.0)], p[(p == 0.0) | (p == 1.0)])
    fitted = fit_temperature(np.array([targets, targets]).T, p, kind="multilabel")
    assert math.isnan(fitted) or COLDEST < fitted < HOTTEST
    sums = p.sum(axis=1, keepdims=True)
    both = np.where(sums > 0.0, p / np.where(sums > 0.0, sums, 1.0), 0.5)
    of_classes = scaled(both, temperature, kind="multiclass")
    np.testing.assert_allclose(of_classes.sum(axis=1), 1.0)
    fitted = fit_temperature(np.array(targets), both, kind="multiclass")
    assert math.isnan(fitted) or COLDEST < fitted < HOTTEST


def test_scaling_leaves_the_auc_and_one_changes_nothing() -> None:
    targets, p = classes(np.random.default_rng(5), outputs=2, too_sure=1.5)
    hotter = scaled(p, 1.5, kind="multiclass")
    assert auc(targets, hotter[:, 1]) == pytest.approx(auc(targets, p[:, 1]), abs=1e-9)
    np.testing.assert_allclose(scaled(p, 1.0, kind="multiclass"), p, rtol=1e-12)
    np.testing.assert_allclose(scaled(p, 1.0, kind="multilabel"), p, rtol=1e-12)
