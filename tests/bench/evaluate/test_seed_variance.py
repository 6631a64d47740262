"""The variance over seeds: what patients explain of it, and what is pooled over rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.evaluate.auc import Auc, difference, undefined
from bench.evaluate.seeds import ONE_RUN, Runs, Spread, pooled
from bench.evaluate.testing import holm, p_value


def run(value: float, *parts: float) -> Auc:
    return Auc(value=value, parts={"": np.array(parts or (0.0,))}, df=300.0)


def row(*values: float) -> Runs:
    """Runs that fare alike with every patient."""
    return Runs.of([run(value) for value in values])


def test_what_the_runs_owe_to_different_patients_is_not_the_seeds() -> None:
    """By the formulas of Obuchowski and Rockette, from the covariances of the runs' AUCs."""
    parts = np.random.default_rng(0).normal(0.0, 0.002, (3, 50))
    values = np.array([0.80, 0.85, 0.75])
    runs = Runs.of([run(value, *part) for value, part in zip(values, parts, strict=True)])
    covariance = parts @ parts.T
    variance = np.trace(covariance) / 3
    between = (covariance.sum() - np.trace(covariance)) / 6
    slope = (0.8 * 0.2) ** 2
    assert runs.spread is not None
    assert runs.spread.observed * slope == pytest.approx(np.var(values, ddof=1))
    assert runs.spread.by_patients * slope == pytest.approx(variance - between)
    whole = runs.auc(runs.spread)
    # Their variance of a mean over readers, here seeds: the readers' mean square and Cov2.
    assert whole.standard_error**2 == pytest.approx(np.var(values, ddof=1) / 3 + between)
    assert whole.seeds_df == 2


def test_seeds_never_make_a_mean_surer_than_patients_do() -> None:
    parts = np.random.default_rng(0).normal(0.0, 0.01, (3, 50))
    runs = Runs.of([run(0.8, *part) for part in parts])
    assert runs.spread is not None
    assert runs.auc(runs.spread).seeds == 0.0


def test_one_run_has_no_variance_over_seeds() -> None:
    assert pooled([row(0.8), row(0.7, 0.72)])[0] == ONE_RUN
    assert row(0.8).auc(ONE_RUN).seeds == 0.0
    assert Runs.of([undefined("one class")] * 3).spread is None


def test_rows_share_one_variance_in_log_odds() -> None:
    rows = [row(0.80, 0.82, 0.84), row(0.985, 0.987, 0.989), row(0.6)]
    spreads = [each.spread for each in rows if each.spread]
    found = pooled(rows)
    assert found[0] == found[1]
    assert found[0].df == 4
    assert found[0].observed == pytest.approx(np.mean([each.observed for each in spreads]))
    high, low = (each.auc(found[0]).seeds for each in rows[:2])
    assert high / low == pytest.approx((0.82 * 0.18 / (0.987 * 0.013)) ** 2)


def test_a_row_that_varies_more_than_the_others_keeps_its_own() -> None:
    calm = [row(0.80, 0.801, 0.802) for _ in range(4)]
    wild = row(0.7, 0.8, 0.9)
    *others, own = pooled([*calm, wild])
    assert wild.spread is not None
    assert (own.own, own.df, own.observed) == (True, 2, wild.spread.observed)
    assert {each.own for each in others} == {False}
    assert others[0].df == 8
    # A row that varies less does not.
    steady = row(0.8, 0.8, 0.8)
    assert pooled([wild, row(0.72, 0.8, 0.88), steady])[2].df == 6


def test_the_rule_is_an_f_test_against_the_others() -> None:
    """F(2, 8) is above 1.657 in 25 % and above 4.459 in 5 %."""

    def spreads(ratio: float) -> list[Spread]:
        step = 0.002 * math.sqrt(ratio)
        return pooled(
            [*(row(0.798, 0.8, 0.802) for _ in range(4)), row(0.8 - step, 0.8, 0.8 + step)]
        )

    for ratio, own, df in ((1.65, False, 10), (1.66, True, 10), (4.45, True, 10), (4.47, True, 8)):
        *others, last = spreads(ratio)
        assert last.own == own, ratio
        assert others[0].df == df, ratio


def test_rows_of_very_unequal_spread_are_called_different_hardly_more_often() -> None:
    """Three of six vary six times as much, with three seeds, and no row is better.

    In 9 % of the studies; in 15 % where a row has to be significant to keep its own.
    """
    rng = np.random.default_rng(0)
    differs, studies = 0, 600
    for _ in range(studies):
        rows = [row(*rng.normal(0.85, sd, 3)) for sd in (0.03,) * 3 + (0.005,) * 3]
        reference, *others = (each.auc(of) for each, of in zip(rows, pooled(rows), strict=True))
        differs += min(holm([p_value(difference(each, reference)) for each in others])) < 0.05
    assert differs / studies < 0.12


def test_rows_with_few_misranked_patients_stay_out_of_the_pool_of_the_others() -> None:
    """An AUC of 0.999 misranks 0.3 of 301 patients: it varies by chance of the patients."""
    rows = [row(0.80, 0.81, 0.82), row(0.70, 0.71, 0.72)]
    near_one = row(0.9989, 0.999, 0.9991)
    alone, (*beside, own) = pooled(rows), pooled([*rows, near_one])
    assert beside == alone
    assert near_one.spread is not None
    assert (own.own, own.observed, own.df) == (True, near_one.spread.observed, 2)
    # One that varies no more has the pool of the others.
    steady = row(0.99900, 0.99901, 0.99902)
    assert pooled([*rows, steady]) == [*alone, alone[0]]


def test_rows_that_all_have_few_misranked_patients_share_one_variance() -> None:
    found = pooled([row(0.998, 0.999), row(0.9985, 0.9995)])
    assert found[0] == found[1]
    assert found[0].df == 2
    assert found[0].observed > 0.0


def test_more_seeds_in_a_row_weigh_more() -> None:
    rows = [row(0.79, 0.80), row(0.79, 0.80, 0.81, 0.80, 0.80)]
    one, other = (each.spread for each in rows)
    assert one is not None
    assert other is not None
    found = pooled(rows)[1]
    assert found.observed == pytest.approx((one.observed + 4 * other.observed) / 5)
    assert found.df == 5
