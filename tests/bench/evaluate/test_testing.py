"""p of differences, Holm's correction, and the smallest difference that would be shown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench.evaluate.auc import Auc, undefined
from bench.evaluate.testing import holm, p_beyond, p_value, smallest_difference


def made(value: float, error: float, *, df: float = 30.0) -> Auc:
    """A difference with its standard error."""
    return Auc(value=value, parts={"": np.array([error])}, df=df, bounds=(-1.0, 1.0))


def test_p_is_that_of_a_t_test() -> None:
    t = scipy_stats.t(30)
    assert p_value(made(0.03, 0.02)) == pytest.approx(2 * t.sf(1.5))
    assert p_value(made(-0.03, 0.02)) == pytest.approx(2 * t.sf(1.5))
    assert p_value(made(0.0, 0.02)) == 1.0
    assert p_value(made(0.0, 0.0)) == 1.0
    assert p_beyond(made(0.01, 0.02), 0.03, side=1) == pytest.approx(t.cdf(-1.0))
    assert p_beyond(made(0.01, 0.02), 0.03, side=-1) == pytest.approx(t.cdf(-2.0))


def test_a_difference_that_does_not_vary_is_what_it_is() -> None:
    assert p_value(made(0.1, 0.0)) == 0.0
    assert p_beyond(made(0.01, 0.0), 0.03, side=1) == 0.0
    assert p_beyond(made(0.05, 0.0), 0.03, side=1) == 1.0


def test_without_an_interval_there_is_no_p_and_no_power() -> None:
    unknown = undefined("one class")
    assert math.isnan(p_value(unknown))
    assert math.isnan(p_beyond(unknown, 0.01, side=1))
    assert math.isnan(smallest_difference(unknown))
    # Nor where no possible difference would be shown.
    assert math.isnan(smallest_difference(made(0.1, 0.4)))


@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.2), st.floats(1.0, 500.0), st.floats(0.0, 0.1))
def test_p_is_below_five_percent_where_the_interval_excludes_zero(
    value: float, error: float, df: float, supplement: float
) -> None:
    difference = replace(made(value, error, df=df), supplement=supplement**2)
    interval = difference.interval()
    if min(abs(interval.low), abs(interval.high)) > 1e-9:
        assert (p_value(difference) < 0.05) == (not interval.low <= 0.0 <= interval.high)


@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.2), st.floats(1.0, 500.0))
def test_two_one_sided_tests_are_the_ninety_percent_interval_within_the_margin(
    value: float, error: float, df: float
) -> None:
    difference, margin = made(value, error, df=df), 0.1
    p = max(p_beyond(difference, margin, side=side) for side in (-1, 1))
    interval = difference.interval(level=0.9)
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (-margin < interval.low and interval.high < margin)


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


def test_the_smallest_difference_of_many_patients_is_that_of_a_normal_test() -> None:
    """2.8 standard errors for 80 % at 5 %: z(0.975) + z(0.8) = 1.95996 + 0.84162."""
    many = made(0.01, 0.02, df=math.inf)
    assert smallest_difference(many) == pytest.approx(2.80158 * 0.02, rel=1e-4)
    assert smallest_difference(many, power=0.5) == pytest.approx(1.95996 * 0.02, rel=1e-4)
    assert smallest_difference(many, level=0.01) == pytest.approx(3.41745 * 0.02, rel=1e-4)


@pytest.mark.parametrize("df", [1.0, 4.0, 48.0, 1e6])
@pytest.mark.parametrize("tests", [1, 10, 27])
def test_a_true_difference_of_that_size_is_shown_in_four_of_five_studies(
    df: float, tests: int
) -> None:
    """Studies whose difference and variance vary, by the very rule that reports use."""
    smallest = smallest_difference(made(0.0, 0.0005, df=df), level=0.05 / tests)
    rng = np.random.default_rng(0)
    values = smallest + rng.normal(0.0, 0.0005, 4000)
    errors = 0.0005 * np.sqrt(rng.chisquare(df, 4000) / df)
    shown = [
        p_value(made(value, error, df=df)) < 0.05 / tests
        for value, error in zip(values, errors, strict=True)
    ]
    # Three standard errors of 4000 studies at 80 %.
    assert np.mean(shown) == pytest.approx(0.8, abs=0.019)
