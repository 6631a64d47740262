"""Resamples of runs with several seeds, and the coverage of their intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate, Interval

Floats = NDArray[np.float64]


def constant(value: float, *, draws: int = 500) -> Estimate:
    """Value of a run, whichever patients are drawn."""
    return Estimate(value=value, draws=np.full(draws, value), bounds=(0.0, 1.0))


def over_seeds(resampling: Resampling, *values: float) -> Estimate:
    return resampling.over_seeds([constant(value, draws=resampling.count) for value in values])


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_draws_have_the_t_distribution_of_the_mean_of_normal_runs(seeds: int) -> None:
    values = np.random.default_rng(0).normal(0.8, 0.02, seeds)
    resampling = Resampling(count=20_000)
    estimate = over_seeds(resampling, *values)
    assert estimate.value == pytest.approx(values.mean())
    standard = (estimate.draws - values.mean()) / scipy_stats.sem(values)
    expected = scipy_stats.t(df=seeds - 1)
    assert scipy_stats.kstest(standard, expected.cdf).pvalue > 0.01
    # So that two seeds alone give the classical interval.
    tails = [0.025, 0.25, 0.75, 0.975]
    np.testing.assert_allclose(np.quantile(standard, tails), expected.ppf(tails), rtol=0.1)


def test_a_mean_without_a_value_has_the_reason_of_the_run_without_one() -> None:
    chosen = replace(constant(1.2), reason="chosen")
    none = replace(constant(float("nan")), reason="nothing fits")
    found = Resampling(count=500).over_seeds([chosen, none])
    assert found.reason == "nothing fits"


def test_what_the_seeds_have_in_common_is_taken_as_it_is() -> None:
    low, high = (over_seeds(Resampling(count=500), value, value + 0.02) for value in (0.5, 0.7))
    np.testing.assert_allclose(high.draws - low.draws, 0.2)


def test_the_order_of_the_seeds_does_not_matter() -> None:
    found = [
        over_seeds(Resampling(count=500), *values).draws
        for values in ((0.8, 0.9, 0.7), (0.7, 0.8, 0.9))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_every_run_of_a_draw_is_judged_on_the_draws_own_patients() -> None:
    draws = np.arange(500.0)
    runs = [Estimate(value=0.5, draws=draws, bounds=(0.0, 500.0))] * 4
    found = Resampling(count=500).over_seeds(runs)
    np.testing.assert_array_equal(found.draws, draws)


def test_an_interval_of_two_seeds_stays_in_its_bounds() -> None:
    interval = Interval.of(over_seeds(Resampling(count=500), 0.9, 0.95))
    assert 0.0 <= interval.low < 0.9
    assert interval.high == 1.0


def coverage(seeds: int, *, of_seeds: float, trials: int, resamples: int) -> tuple[float, float]:
    """Coverage of 95 % intervals of a mean over patients and seeds, and by the plain rule.

    The figure is a mean of what 100 patients add (standard error 1), of what the seeds add
    (``of_seeds`` their standard deviation), and of both together (standard error 0.3), all
    normal; the truth is 0. The plain rule draws seeds with replacement.
    """
    patients, hits, plain = 100, 0, 0
    rng = np.random.default_rng(seeds)
    for trial in range(trials):
        outcome = rng.normal(0.0, np.sqrt(patients), (patients, 1))
        outcome = outcome + rng.normal(0.0, of_seeds, seeds)
        outcome += rng.normal(0.0, 0.3 * np.sqrt(patients), (patients, seeds))
        evenly = np.full(patients, 1.0 / patients)
        draws = rng.multinomial(patients, evenly, size=resamples) / patients @ outcome
        runs = [
            Estimate(value=float(value), draws=of_draws, bounds=(-np.inf, np.inf))
            for value, of_draws in zip(outcome.mean(axis=0), draws.T, strict=True)
        ]
        found = Interval.of(Resampling(count=resamples, seed=trial).over_seeds(runs))
        hits += found.low <= 0.0 <= found.high
        counts = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=resamples)
        low, high = np.quantile((counts * draws).sum(axis=1) / seeds, [0.025, 0.975])
        plain += low <= 0.0 <= high
    return hits / trials, plain / trials


@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_of_few_seeds_cover_the_truth_and_plain_ones_do_not(seeds: int) -> None:
    found, plain = coverage(seeds, of_seeds=3.0, trials=300, resamples=400)
    # Three standard errors of 300 trials at 95 %: 0.038.
    assert found > 0.95 - 0.038
    assert plain < 0.95 - 0.038


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_of_seeds_cover_in_many_trials(seeds: int) -> None:
    shown = {}
    for of_seeds in (0.3, 1.0, 3.0):
        found, plain = coverage(seeds, of_seeds=of_seeds, trials=2000, resamples=999)
        shown[of_seeds] = found, plain
        # Three standard errors of 2000 trials at 95 %: 0.015. Wider than needed is allowed.
        assert found > 0.95 - 0.015, of_seeds
    print(f"{seeds} seeds: {shown}")
    # The plain rule, where seeds matter.
    assert plain < 0.95 - 0.015
