"""Thresholds and temperatures of a run, on hand-made validation parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.operating_points import OperatingPoints
from bench.evaluate.thresholds import choose_threshold, threshold_at_specificity
from bench.runs.predictions import Outputs, Predictions

TWO = Outputs(kind="multiclass", classes=("normal", "abnormal"))
THREE = Outputs(kind="multiclass", classes=("a", "b", "c"))
FINDINGS = Outputs(kind="multilabel", classes=("Mass", "Nodule"))
# Not in order: one of the two highest is wrong, so that a temperature fits best.
P = np.array([0.1, 0.2, 0.3, 0.8, 0.4, 0.6, 0.9])
TARGETS = np.array([0, 0, 0, 0, 1, 1, 1])


def predictions(targets: np.ndarray, probabilities: np.ndarray) -> Predictions:
    images = np.array([f"{row}.png" for row in range(len(targets))], object)
    return Predictions(images=images, patients=images, targets=targets, probabilities=probabilities)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=1
    ),
    st.sampled_from([0.5, 0.9, 0.95, 1.0]),
)
def test_threshold_at_specificity_is_the_lowest_that_reaches_it(
    pairs: list[tuple[int, float]], specificity: float
) -> None:
    """Brute force over a threshold below, between and above all probabilities."""
    targets, p = (np.array(column) for column in zip(*pairs, strict=True))
    found = threshold_at_specificity(targets, p, specificity=specificity)
    negatives = p[targets == 0]
    if not len(negatives):
        assert math.isnan(found)
        return
    candidates = sorted({0.0, *np.nextafter(p, 2.0)})
    lowest = next(c for c in candidates if (negatives < c).mean() >= specificity)
    assert np.array_equal(p >= found, p >= lowest)


def test_two_classes() -> None:
    both = np.stack([1.0 - P, P], axis=1)
    points = OperatingPoints.choose(predictions(TARGETS, both), TWO)
    assert points.called == ("abnormal",)
    assert points.thresholds.tolist() == [choose_threshold(TARGETS, P)] == [pytest.approx(0.35)]
    # All four negatives have to be below, of which 0.8 is the highest.
    assert points.specific_thresholds.tolist() == [pytest.approx(0.85)]
    temperature = fit_temperature(TARGETS, both)
    assert points.temperatures.tolist() == [temperature]
    assert points.calibrated(both).tolist() == scaled(both, temperature).tolist()
    assert points.decide(both).ravel().tolist() == [False, False, False, True, True, True, True]
    assert points.names(both, specific=True) == [("normal",)] * 6 + [("abnormal",)]


def test_findings_have_points_of_their_own() -> None:
    targets = np.stack([TARGETS, 1 - TARGETS], axis=1).astype(float)
    p = np.stack([P, 1.0 - P], axis=1)
    points = OperatingPoints.choose(predictions(targets, p), FINDINGS)
    alone = OperatingPoints.choose(predictions(TARGETS, np.stack([1.0 - P, P], axis=1)), TWO)
    assert points.called == ("Mass", "Nodule")
    assert points.thresholds[0] == alone.thresholds[0]
    assert points.specific_thresholds[0] == alone.specific_thresholds[0]
    assert points.temperatures[0] == pytest.approx(alone.temperatures[0])
    calibrated = points.calibrated(p)
    assert calibrated[:, 0] == pytest.approx(alone.calibrated(np.stack([1.0 - P, P], axis=1))[:, 1])
    # The other finding is the first one with its signs turned.
    assert calibrated[:, 1] == pytest.approx(1.0 - calibrated[:, 0])


def test_several_classes_are_not_called_by_a_threshold() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet((1.0, 1.0, 1.0), size=30)
    targets = rng.integers(0, 3, size=30)
    points = OperatingPoints.choose(predictions(targets, p), THREE)
    assert points.called == ()
    assert points.decide(p).shape == (30, 0)
    assert points.temperatures.tolist() == pytest.approx([fit_temperature(targets, p)], nan_ok=True)


def test_without_a_temperature_nothing_is_calibrated() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    points = OperatingPoints.choose(predictions(np.array([0, 1]), p), TWO)
    assert np.isnan(points.calibrated(p)).all()
