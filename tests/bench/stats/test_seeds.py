"""Which seeds a draw takes: the same for all networks that were run with the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.stats import Estimate, Resampling, difference


def constant(value: float, *, draws: int = 500) -> Estimate:
    """What a run comes to, whichever patients are drawn."""
    return Estimate(value=value, draws=np.full(draws, value))


def times_drawn(resampling: Resampling, by_seed: Mapping[int, float]) -> NDArray[np.int64]:
    """How often each seed is in each draw, (resamples, seeds), in the order given.

    Args:
        by_seed: what the run of each seed comes to; a power of ten of its own, so that the sum
            of a draw's runs shows how often each is among them, digit by digit.
    """
    runs = {seed: constant(value) for seed, value in by_seed.items()}
    sums = np.rint(resampling.over_seeds(runs).draws * len(runs)).astype(np.int64)
    powers = np.array(list(by_seed.values()), np.int64)
    return sums[:, None] // powers % 10


def test_a_draw_takes_as_many_seeds_as_there_are_with_replacement() -> None:
    counts = times_drawn(Resampling(resamples=500), {4: 1, 0: 10, 9: 100})
    assert (counts.sum(axis=1) == 3).all()
    # All ten ways to take three of three, each of which has a chance of 1/27 at least.
    assert len(np.unique(counts, axis=0)) == 10


def test_networks_with_the_same_seeds_are_drawn_alike() -> None:
    resampling = Resampling(resamples=500)
    one = times_drawn(resampling, {0: 1, 1: 10, 2: 100})
    other = times_drawn(resampling, {0: 100, 1: 1, 2: 10})
    np.testing.assert_array_equal(one, other)
    # Nor does it matter in which order they were run, or when they are looked at.
    turned = times_drawn(Resampling(resamples=500), {2: 10, 1: 1, 0: 100})
    np.testing.assert_array_equal(one, turned[:, ::-1])


def test_a_difference_of_networks_is_that_of_their_runs_with_the_drawn_seeds() -> None:
    resampling = Resampling(resamples=500)
    one, other = {0: 0.75, 1: 0.5, 2: 0.875}, {0: 0.5, 1: 0.625, 2: 0.75}
    counts = times_drawn(resampling, {0: 1, 1: 10, 2: 100})
    found = difference(
        *(
            resampling.over_seeds({seed: constant(value) for seed, value in runs.items()})
            for runs in (one, other)
        )
    )
    each = np.array([one[seed] - other[seed] for seed in one])
    np.testing.assert_allclose(found.draws, counts @ each / 3, rtol=0, atol=1e-15)


def test_a_network_that_is_better_by_the_same_with_every_seed_is_surely_better() -> None:
    resampling = Resampling(resamples=500)
    scores = {3: 0.5, 5: 0.625, 8: 0.875}
    worse, better = (
        resampling.over_seeds({seed: constant(value + by) for seed, value in scores.items()})
        for by in (0.0, 0.0625)
    )
    assert np.ptp(worse.draws) > 0.3
    np.testing.assert_allclose(difference(better, worse).draws, 0.0625, rtol=0, atol=1e-15)


def test_other_seeds_are_drawn_otherwise() -> None:
    resampling = Resampling(resamples=500)
    counts = [
        times_drawn(resampling, dict(zip(seeds, (1, 10, 100), strict=True)))
        for seeds in ((0, 1, 2), (3, 4, 5), (0, 1, 3))
    ]
    counts.append(times_drawn(Resampling(resamples=500, seed=1), {0: 1, 1: 10, 2: 100}))
    for place, one in enumerate(counts):
        for other in counts[:place]:
            # Two draws of three seeds agree by chance in 93 of 729 cases.
            alike = (one == other).all(axis=1).mean()
            assert 0.05 < alike < 0.25


def test_every_run_of_a_draw_is_judged_on_the_draws_own_patients() -> None:
    runs = {seed: Estimate(value=0.5, draws=np.arange(500.0)) for seed in range(4)}
    found = Resampling(resamples=500).over_seeds(runs)
    np.testing.assert_array_equal(found.draws, np.arange(500.0))
