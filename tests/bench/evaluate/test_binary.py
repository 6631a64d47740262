"""Two-class metrics against scikit-learn, brute force and hand-made cases."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from bench.evaluate.binary import (
    auc,
    binary_metrics,
    choose_threshold,
    choose_threshold_for_f1,
    expected_calibration_error,
)

# Few distinct values, so that ties are frequent; the ends of the range among them.
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
PREDICTIONS = st.lists(st.tuples(st.integers(0, 1), PROBABILITY), min_size=1, max_size=40)
Predictions = list[tuple[int, float]]


def _arrays(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    targets, probabilities = zip(*predictions, strict=True)
    return np.array(targets), np.array(probabilities)


def _both_classes(predictions: Predictions) -> bool:
    return len({target for target, _ in predictions}) == 2


@settings(max_examples=50)
@given(PREDICTIONS.filter(_both_classes), PROBABILITY)
def test_every_metric_is_scikit_learn_s(predictions: Predictions, threshold: float) -> None:
    t, p = _arrays(predictions)
    called = p >= threshold
    found = binary_metrics(t, p, threshold=threshold)
    assert (found.images, found.positives, found.threshold) == (len(t), t.sum(), threshold)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(t, called),
        "precision": sklearn_metrics.precision_score(t, called, zero_division=np.nan),
        "recall": sklearn_metrics.recall_score(t, called),
        "specificity": sklearn_metrics.recall_score(t, called, pos_label=0),
        "f1": sklearn_metrics.f1_score(t, called),
        "auc": sklearn_metrics.roc_auc_score(t, p),
        "average_precision": sklearn_metrics.average_precision_score(t, p),
        "brier": sklearn_metrics.brier_score_loss(t, p),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, nan_ok=True), name


@settings(max_examples=50)
@given(PREDICTIONS.filter(_both_classes))
def test_auc_is_the_share_of_pairs_in_the_right_order(predictions: Predictions) -> None:
    """Brute force over all pairs of a positive and a negative; a tie counts half."""
    t, p = _arrays(predictions)
    pairs = [(a > b) + (a == b) / 2 for a in p[t == 1] for b in p[t == 0]]
    assert auc(t, p) == pytest.approx(float(np.mean(pairs)))


def test_auc_takes_logits_and_infinities() -> None:
    assert auc([0, 0, 1, 1], [-math.inf, -1e4, 1e4, math.inf]) == 1.0


@settings(max_examples=50)
@given(PREDICTIONS)
def test_threshold_beats_every_other_by_youden_then_accuracy(predictions: Predictions) -> None:
    """Brute force over a threshold below, between and above all probabilities."""
    t, p = _arrays(predictions)

    def merit(threshold: float) -> tuple[float, float]:
        called = p >= threshold
        youden = called[t == 1].mean() - called[t == 0].mean() if 0 < t.sum() < len(t) else 0.0
        return round(float(youden), 9), float((called == t).mean())

    # The next float above each probability parts it from all higher ones.
    others = [0.0, *np.nextafter(p, 2.0)]
    assert merit(choose_threshold(t, p)) == max(merit(other) for other in others)


@settings(max_examples=50)
@given(PREDICTIONS)
def test_threshold_for_f1_beats_every_other_by_f1_then_accuracy(predictions: Predictions) -> None:
    """Brute force over a threshold below, between and above all probabilities."""
    t, p = _arrays(predictions)

    def merit(threshold: float) -> tuple[float, float]:
        called = p >= threshold
        f1 = sklearn_metrics.f1_score(t, called, zero_division=0.0)
        return round(float(f1), 9), float((called == t).mean())

    others = [0.0, *np.nextafter(p, 2.0)]
    assert merit(choose_threshold_for_f1(t, p)) == max(merit(other) for other in others)


def test_a_rare_finding_is_named_more_rarely_for_f1_than_for_youden() -> None:
    targets = [0] * 97 + [1] * 3
    probabilities = [0.1] * 80 + [0.3] * 17 + [0.3, 0.6, 0.7]
    # Youden calls all twenty of 0.3 and above; F1 the two that are surely right.
    assert choose_threshold(targets, probabilities) == pytest.approx(0.2)
    assert choose_threshold_for_f1(targets, probabilities) == pytest.approx(0.45)


def test_without_positives_nothing_is_called_for_f1() -> None:
    assert choose_threshold_for_f1([0, 0], [0.2, 0.6]) == pytest.approx(0.8)


@settings(max_examples=50)
@given(PREDICTIONS, st.randoms(use_true_random=False))
def test_no_metric_depends_on_the_order_of_the_images(
    predictions: Predictions,
    random: Random,
) -> None:
    t, p = _arrays(predictions)
    order = np.array(random.sample(range(len(t)), len(t)))
    threshold = choose_threshold(t, p)
    assert choose_threshold(t[order], p[order]) == threshold
    one = binary_metrics(t, p, threshold=threshold)
    other = binary_metrics(t[order], p[order], threshold=threshold)
    for name in ("accuracy", "precision", "recall", "f1", "auc", "average_precision", "ece"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True), name


@pytest.mark.parametrize("constant", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("positives", "majority"), [(3, False), (7, True)])
def test_a_constant_predictor_calls_the_validation_majority(
    constant: float, positives: int, majority: bool
) -> None:
    t = np.repeat([1, 0], [positives, 10 - positives])
    threshold = choose_threshold(t, np.full(10, constant))
    assert (constant >= threshold) == majority


def test_threshold_lies_midway_and_a_tie_goes_to_the_lower() -> None:
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)
    # Over 0.15, 0.35 and 0.55: J = 1/2, 0, 1/2; accuracy 3/4, 1/2, 3/4.
    assert choose_threshold([0, 1, 0, 1], [0.1, 0.2, 0.5, 0.6]) == pytest.approx(0.15)


def test_threshold_parts_neighbouring_floats() -> None:
    """The midpoint of two neighbours rounds to one of them; it must still part them."""
    for low, high in pairwise([0.5, np.nextafter(0.5, 1), np.nextafter(np.nextafter(0.5, 1), 1)]):
        threshold = choose_threshold([0, 1], [low, high])
        assert low < threshold <= high


def test_calibration_error_by_hand() -> None:
    """Two bins of two: |0.2 - 0.5| and |0.7 - 1|, each half of the images."""
    t, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.3, 0.6, 0.8])
    assert expected_calibration_error(t, p, bins=2) == pytest.approx(0.3)


def test_calibration_bins_hold_equally_many_images() -> None:
    """15 bins of 10 images with one probability each, whatever their distances."""
    p = np.repeat(np.linspace(0, 1, 15) ** 4, 10)
    t = np.tile([1, 0], 75)
    assert expected_calibration_error(t, p) == pytest.approx(
        np.mean(np.abs(np.linspace(0, 1, 15) ** 4 - 0.5))
    )


def test_a_constant_prediction_is_one_calibration_bin_in_any_order() -> None:
    """Equal probabilities cut into several bins would make the prior look uncalibrated."""
    t = np.array([1] * 40 + [0] * 60)
    assert expected_calibration_error(t, np.full(100, 0.4)) == pytest.approx(0.0, abs=1e-12)
    assert expected_calibration_error(t, np.full(100, 0.9)) == pytest.approx(0.5)


def test_undefined_values_are_nan() -> None:
    negatives = binary_metrics([0, 0], [0.1, 0.2], threshold=0.5)
    for name in ("precision", "recall", "f1", "auc", "average_precision"):
        assert math.isnan(getattr(negatives, name)), name
    assert (negatives.accuracy, negatives.specificity) == (1.0, 1.0)
    positives = binary_metrics([1, 1], [0.1, 0.2], threshold=0.5)
    for name in ("precision", "specificity", "auc"):
        assert math.isnan(getattr(positives, name)), name
    assert (positives.recall, positives.f1, positives.average_precision) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("targets", "probabilities", "message"),
    [
        ([0, 1], [0.5, math.nan], "1 of 2 scores are NaN"),
        ([0, 1], [0.5, 1.01], r"not in \[0, 1\]"),
        ([0, 1], [-0.01, 0.5], r"not in \[0, 1\]"),
        ([0, 2], [0.5, 0.5], "targets other than 0 and 1"),
        ([0, 1], [0.5], "are not one"),
        ([[0, 1]], [[0.5, 0.5]], "are not one"),
        ([], [], "n >= 1"),
    ],
)
def test_predictions_that_are_none_are_refused(
    targets: list[int], probabilities: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        binary_metrics(targets, probabilities, threshold=0.5)
    with pytest.raises(ValueError, match=message):
        choose_threshold(targets, probabilities)
