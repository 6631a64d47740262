"""Thresholds against brute force and hand-made cases."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.evaluate.thresholds import (
    choose_threshold,
    choose_threshold_for_f1,
    choose_thresholds,
)

# Few distinct values, so that ties are frequent; the ends of the range among them.
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
PREDICTIONS = st.lists(st.tuples(st.integers(0, 1), PROBABILITY), min_size=1, max_size=40)
Predictions = list[tuple[int, float]]


def _arrays(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    targets, probabilities = zip(*predictions, strict=True)
    return np.array(targets), np.array(probabilities)


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
        f1 = 2 * called[t == 1].sum() / max(called.sum() + t.sum(), 1)
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


@given(PREDICTIONS, st.randoms(use_true_random=False))
def test_no_threshold_depends_on_the_order_of_the_images(
    predictions: Predictions, random: Random
) -> None:
    t, p = _arrays(predictions)
    order = np.array(random.sample(range(len(t)), len(t)))
    assert choose_threshold(t[order], p[order]) == choose_threshold(t, p)


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


def test_each_finding_has_its_own_threshold() -> None:
    targets, probabilities = [[1, 0], [0, 1], [0, 0]], [[0.9, 0.2], [0.1, 0.6], [0.3, 0.4]]
    assert choose_thresholds(targets, probabilities) == pytest.approx([0.6, 0.5])
    # The second has no example now: it is called on none of the images.
    assert choose_thresholds([[1, 0], [0, 0]], probabilities[:2]) == pytest.approx([0.5, 0.8])
