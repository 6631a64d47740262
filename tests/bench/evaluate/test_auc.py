"""Means and differences of AUCs, and the intervals of all of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.evaluate.auc import Auc, difference, macro, mean_of, undefined
from bench.evaluate.estimate import Interval


def made(value: float, *parts: float, df: float = 30.0, images: str = "here") -> Auc:
    return Auc(value=value, parts={images: np.array(parts)}, df=df, patients=int(df) + 1)


def test_an_interval_is_symmetric_in_log_odds_with_a_t_quantile() -> None:
    interval = made(0.8, 0.03, 0.04).interval()
    middle = math.log(0.8 / 0.2)
    half = scipy_stats.t(30).ppf(0.975) * 0.05 / (0.8 * 0.2)
    expected = 1 / (1 + np.exp([half - middle, -half - middle]))
    np.testing.assert_allclose([interval.low, interval.high], expected, rtol=1e-10)
    assert interval.value == 0.8
    narrower = made(0.8, 0.03, 0.04).interval(level=0.9)
    assert interval.low < narrower.low < 0.8 < narrower.high < interval.high


def test_with_few_misranked_it_is_symmetric_in_the_auc_and_stays_in_its_bounds() -> None:
    # 31 patients misrank 0.62 of their number; the supplement has no degrees of freedom.
    auc = replace(made(0.98, 0.0, 0.0), supplement=0.02**2)
    interval = auc.interval()
    assert (interval.low, interval.high) == (pytest.approx(0.98 - 1.959964 * 0.02), 1.0)


def test_a_difference_on_the_same_images_is_paired_and_on_others_independent() -> None:
    one, other = made(0.8, 0.05, 0.01), made(0.7, 0.02, -0.02)
    paired = difference(one, other)
    assert paired.value == pytest.approx(0.1)
    assert paired.standard_error == pytest.approx(0.03 * math.sqrt(2))
    interval = paired.interval()
    half = scipy_stats.t(30).ppf(0.975) * 0.03 * math.sqrt(2)
    assert [interval.low, interval.high] == pytest.approx([0.1 - half, 0.1 + half])
    elsewhere = difference(one, replace(other, parts={"there": np.array([0.02, -0.02])}))
    assert elsewhere.standard_error == pytest.approx(math.sqrt(0.05**2 + 0.01**2 + 2 * 0.02**2))


def test_an_auc_differs_from_itself_by_exactly_nothing() -> None:
    third = mean_of([made(0.8, 0.03, 0.04)] * 3)
    assert difference(third, made(0.8, 0.03, 0.04)).interval() == Interval(
        value=0.0, low=0.0, high=0.0
    )


def test_the_same_runs_differ_by_nothing_whatever_their_order_and_the_variance_over_seeds() -> None:
    first, second = (
        replace(made(value, 0.03, 0.04), supplement=0.01, ranking=ranking)
        for value, ranking in ((0.8, "a"), (0.9, "b"))
    )
    seeds = {"seeds": 0.02**2, "seeds_observed": 0.03**2, "seeds_df": 4.0}
    row, same = (replace(mean_of(each), **seeds) for each in ([first, second], [second, first]))
    gap = difference(row, same)
    assert (gap.standard_error, gap.interval()) == (0.0, Interval(value=0.0, low=0.0, high=0.0))
    assert difference(first, mean_of([first] * 3)).standard_error == 0.0
    assert difference(row, first).standard_error > 0.0
    # A run that may rank as others do leaves it open.
    unknown = mean_of([first, replace(second, ranking="")])
    assert difference(unknown, unknown).supplement > 0.0


def test_a_mean_adds_patient_by_patient_and_hidden_variance_as_if_it_were_the_same() -> None:
    one, other = made(0.9, 0.03, 0.04), made(0.7, 0.03, -0.04)
    mean = mean_of([replace(one, supplement=0.01**2), replace(other, supplement=0.03**2)])
    assert mean.value == pytest.approx(0.8)
    assert mean.patient_variance == pytest.approx(0.03**2)
    assert mean.supplement == pytest.approx(0.02**2)
    assert mean_of([one, undefined("one class")]).reason == "one class"


def test_degrees_of_freedom_of_seeds_and_patients_are_satterthwaite_s() -> None:
    auc = replace(made(0.8, 0.03, 0.04), seeds=0.02**2, seeds_observed=0.03**2, seeds_df=4.0)
    variance = 0.05**2 + 0.02**2
    assert auc.standard_error == pytest.approx(math.sqrt(variance))
    assert auc.total_df == pytest.approx(variance**2 / (0.05**4 / 30 + 0.03**4 / 4))


def test_few_patients_who_carry_the_variance_are_few_degrees_of_freedom() -> None:
    """Squares of n equal parts are known; those of k parts among many zeros have 2 k of them."""
    alike, alone = (made(0.8, *parts, df=99.0) for parts in ([0.01] * 100, [0.05] * 4 + [0.0] * 96))
    assert alike.total_df == 99.0
    assert alone.total_df == pytest.approx(2 * 0.01**2 / (4 * 0.05**4 - 0.01**2 / 100))


def test_a_variance_that_is_the_same_twice_has_no_more_degrees_of_freedom() -> None:
    one = replace(made(0.8, 0.03), seeds=0.02**2, seeds_observed=0.02**2, seeds_df=4.0)
    gap = difference(one, replace(one, value=0.7))
    assert (gap.df, gap.seeds_df) == pytest.approx((30.0, 4.0))
    assert gap.seeds == pytest.approx(2 * 0.02**2)


def test_a_macro_mean_is_over_the_findings_that_have_an_auc() -> None:
    findings = [made(0.9, 0.03, 0.0), made(0.7, 0.0, 0.04, df=4.0), undefined("absent")]
    found = macro(findings)
    assert found.value == pytest.approx(0.8)
    assert found.patient_variance == pytest.approx(0.025**2)
    # Each finding's share of the variance has its own degrees of freedom.
    shares = np.array([0.015**2, 0.02**2])
    assert found.df == pytest.approx(shares.sum() ** 2 / (shares**2 / [30.0, 4.0]).sum())
    assert found.patients == 5
    assert macro([undefined("absent")]).reason == "no finding has it defined"


def test_a_finding_of_one_patient_leaves_the_macro_mean_its_interval() -> None:
    alone = replace(made(0.5, 0.0, 0.0), supplement=0.04, reason="one patient")
    found = macro([made(0.9, 0.03, 0.04), alone])
    assert found.interval().reason == ""
    assert found.supplement == pytest.approx((0.2 / 2) ** 2)
    assert macro([alone, alone]).reason == "one patient"
