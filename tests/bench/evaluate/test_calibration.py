"""Temperature scaling against scipy and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import optimize, special

from bench.evaluate.calibration import COLDEST, HOTTEST, fit_temperature, scaled
from tests.bench.evaluate.reference import bins_of, calibration_error

Floats = NDArray[np.float64]
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1))


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
    found = fit_temperature(targets, p)
    assert found == pytest.approx(too_sure, rel=0.05)
    if outputs == 2 and too_sure == 3.0:
        before, after = (
            calibration_error(targets, q[:, 1], bins_of(q[:, 1])) for q in (p, scaled(p, found))
        )
        assert after < 0.02 < 0.1 < before


def test_no_temperature_has_a_lower_loss() -> None:
    """scipy's search over the loss itself; ours goes by its slope."""
    targets, p = classes(np.random.default_rng(2), outputs=4, too_sure=1.7)
    targets, p = targets[:300], p[:300]

    def loss(logarithm: float) -> float:
        z = special.log_softmax(np.log(p) / math.exp(logarithm), axis=1)
        return float(-z[np.arange(300), targets].mean())

    best = optimize.minimize_scalar(loss, bounds=(-3.0, 3.0), options={"xatol": 1e-9})
    found = fit_temperature(targets, p)
    assert math.log(found) == pytest.approx(best.x, abs=1e-5)


def test_what_is_certain_says_nothing_of_the_temperature() -> None:
    targets, p = classes(np.random.default_rng(4), outputs=2, too_sure=2.0)
    more = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    found = fit_temperature(np.append(targets, [1, 0, 1]), np.vstack([p, more]))
    assert found == fit_temperature(targets, p)


def test_a_class_that_is_never_thought_possible_changes_nothing() -> None:
    targets, p = classes(np.random.default_rng(6), outputs=2, too_sure=2.0)
    third = np.hstack([p, np.zeros((len(p), 1))])
    found = fit_temperature(targets, third)
    assert found == pytest.approx(fit_temperature(targets, p), rel=1e-9)
    assert (scaled(third, found)[:, 2] == 0.0).all()


@pytest.mark.parametrize("wrong", [False, True])
def test_where_no_temperature_is_best_there_is_none(wrong: bool) -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    targets = np.array([1, 0] if wrong else [0, 1])
    assert math.isnan(fit_temperature(targets, p))


@given(
    arrays(np.float64, 6, elements=PROBABILITY),
    st.lists(st.integers(0, 1), min_size=6, max_size=6),
    st.floats(COLDEST, HOTTEST),
)
def test_scaling_keeps_order_and_range(p: Floats, targets: list[int], temperature: float) -> None:
    both = np.stack([1.0 - p, p], axis=1)
    hotter = scaled(both, temperature)
    np.testing.assert_allclose(hotter.sum(axis=1), 1.0)
    np.testing.assert_array_equal(hotter[(p == 0.0) | (p == 1.0)], both[(p == 0.0) | (p == 1.0)])
    assert (np.diff(hotter[np.argsort(p), 1]) >= 0.0).all()
    np.testing.assert_allclose(scaled(both, 1.0), both, atol=1e-15)
    fitted = fit_temperature(np.array(targets), both)
    assert math.isnan(fitted) or COLDEST < fitted < HOTTEST
