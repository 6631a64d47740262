"""p from draws, Holm's correction, and the smallest difference that could have been shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.testing import holm, p_value, smallest_difference


def estimate(draws: list[float] | np.ndarray, *, reason: str = "") -> Estimate:
    draws = np.asarray(draws, np.float64)
    return Estimate(value=float(np.nanmean(draws)), draws=draws, bounds=(-1.0, 1.0), reason=reason)


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ([0.1] * 19, 0.1),  # none at or below zero: 2 * (1 + 0) / 20
        ([-0.1] * 19, 0.1),
        ([0.1] * 15 + [-0.1] * 4, 0.5),  # 2 * (1 + 4) / 20
        ([0.1] * 15 + [0.0] * 4, 0.5),  # a draw of zero is at zero
        ([0.0] * 19, 1.0),
        ([0.1, -0.1] * 5, 1.0),
        ([0.1] * 19 + [math.nan] * 7, 0.1),
    ],
)
def test_p_by_hand(draws: list[float], expected: float) -> None:
    assert p_value(estimate(draws)) == pytest.approx(expected)


def test_without_an_interval_there_is_no_p_and_no_power() -> None:
    for unknown in (
        estimate([0.1, 0.2], reason="one class"),
        Estimate(value=0.1, draws=np.full(5, np.nan), bounds=(-1.0, 1.0)),
    ):
        assert math.isnan(p_value(unknown))
        assert math.isnan(smallest_difference(unknown))


@given(st.floats(-0.3, 0.3), st.integers(0, 1000))
def test_p_says_what_the_interval_says_but_for_a_draw(centre: float, seed: int) -> None:
    draws = np.random.default_rng(seed).normal(centre, 0.1, 999)
    interval = Interval.of(estimate(draws))
    step = 2.0 * 2 / 1000
    if interval.low > 0.0 or interval.high < 0.0:
        assert p_value(estimate(draws)) <= 0.05 + step
    else:
        assert p_value(estimate(draws)) >= 0.05 - step


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=30))
def test_p_is_a_probability_and_the_same_whichever_model_is_first(draws: list[float]) -> None:
    p = p_value(estimate(draws))
    assert 0.0 <= p <= 1.0
    assert p_value(estimate([-draw for draw in draws])) == pytest.approx(p)


def test_holm_by_hand() -> None:
    # Holm's own steps: 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04, which is not below the last.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_what_was_not_tested_is_not_counted() -> None:
    found = holm([math.nan, 0.02, math.nan, 0.04])
    assert found == pytest.approx([math.nan, 0.04, math.nan, 0.04], nan_ok=True)


@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float]) -> None:
    corrected = holm(p)
    order = sorted(range(len(p)), key=lambda place: p[place])
    going = True
    for rank, place in enumerate(order):
        going = going and p[place] * (len(p) - rank) <= 0.05
        assert (corrected[place] <= 0.05) == going
    assert all(p[i] <= corrected[i] <= min(1.0, len(p) * p[i] + 1e-15) for i in range(len(p)))


def test_the_smallest_difference_is_that_of_a_normal_test() -> None:
    """2.8 standard errors for 80 % at 5 %: z(0.975) + z(0.8) = 1.95996 + 0.84162."""
    draws = estimate(np.random.default_rng(0).normal(0.01, 0.02, 100_000))
    assert smallest_difference(draws) == pytest.approx(2.80158 * 0.02, rel=0.02)
    assert smallest_difference(draws, power=0.5) == pytest.approx(1.95996 * 0.02, rel=0.02)
    assert smallest_difference(draws, level=0.01) == pytest.approx(3.41745 * 0.02, rel=0.02)


def test_a_test_shows_such_a_difference_as_often_as_its_power_says() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 0.02, 2000)
    smallest = smallest_difference(estimate(noise))
    shown = [p_value(estimate(found + noise)) < 0.05 for found in rng.normal(smallest, 0.02, 1000)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.06)


def test_heavy_tails_of_few_seeds_leave_it_finite() -> None:
    wide = np.random.default_rng(0).standard_t(1, 2000)
    draws = Estimate(value=0.0, draws=0.01 * wide, bounds=(-1.0, 1.0))
    # 12.7 is the 97.5 % point of one degree of freedom.
    assert smallest_difference(draws) == pytest.approx(0.01 * 12.7 * 2.80158 / 1.95996, rel=0.3)
