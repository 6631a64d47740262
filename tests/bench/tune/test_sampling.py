"""A sampler without a state suggests the same, whoever asks and in whatever order."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from bench.config import TrainConfig
from bench.registry import Choices, Dimension, Integers, Reals
from bench.tune.sampling import SteadySampler, make_pruner, suggest

SPACE: dict[str, Dimension] = {
    "rate": Reals(1e-4, 1e-1, log=True),
    "patience": Integers(1, 4),
    "factor": Choices((2.0, 5.0, 10.0)),
}
START = {"rate": 0.01, "patience": 2, "factor": 5.0}


def study(sampler: Any, seed: int = 0) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        direction="maximize", sampler=SteadySampler(sampler, seed=seed, start=START)
    )


def value(trial: optuna.Trial) -> float:
    return -abs(trial.params["rate"] - 0.03) + trial.params["patience"] / 100


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_trial_that_is_opened_again_gets_what_it_would_have_got(sampler: Any) -> None:
    """After every number of parameters that were drawn before the interruption."""
    straight, broken = study(sampler), study(sampler)
    for number in range(16):
        trial = straight.ask()
        for key, dimension in SPACE.items():
            suggest(trial, key, dimension)
        straight.tell(trial, value(trial))

        begun = broken.ask()
        for key, dimension in list(SPACE.items())[: number % 4]:
            suggest(begun, key, dimension)
        frozen = broken.get_trials(states=(TrialState.RUNNING,))[0]
        # A new process: other objects, other trials asked about in between.
        broken.sampler = SteadySampler(sampler, seed=0, start=START)
        again = optuna.Trial(broken, frozen._trial_id)
        for key, dimension in SPACE.items():
            suggest(again, key, dimension)
        broken.tell(again, value(again))
    assert [t.params for t in broken.trials] == [t.params for t in straight.trials]
    assert straight.trials[0].params == START
    assert len({tuple(t.params.values()) for t in straight.trials}) == 16


def test_another_seed_suggests_something_else_after_the_start() -> None:
    found = []
    for seed in (0, 1):
        one = study("tpe", seed)
        for _ in range(2):
            trial = one.ask()
            for key, dimension in SPACE.items():
                suggest(trial, key, dimension)
            one.tell(trial, value(trial))
        found.append([trial.params for trial in one.trials])
    assert found[0][0] == found[1][0]
    assert found[0][1]["rate"] != found[1][1]["rate"]


def test_tpe_learns_where_a_random_search_does_not() -> None:
    """Otherwise it would be seeded so that it always draws at random."""
    best = {}
    for name in ("tpe", "random"):
        one = study(name, 3)
        for _ in range(40):
            trial = one.ask()
            for key, dimension in SPACE.items():
                suggest(trial, key, dimension)
            one.tell(trial, value(trial))
        best[name] = sum(trial.value or 0.0 for trial in one.trials[-15:]) / 15
    assert best["tpe"] > best["random"]


def test_pruners_count_validations() -> None:
    train = TrainConfig(max_iterations=100, validate_every=30)
    hyperband = make_pruner("hyperband", train=train)
    assert isinstance(hyperband, optuna.pruners.HyperbandPruner)
    assert hyperband._max_resource == 4
    assert isinstance(make_pruner("median", train=train), optuna.pruners.MedianPruner)
    assert isinstance(make_pruner("none", train=train), optuna.pruners.NopPruner)
