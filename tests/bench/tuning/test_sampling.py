"""Suggestions are the same, however often the search was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState, create_trial

from bench.tuning.sampling import (
    RECIPE,
    TRAINED_BEFORE_PRUNING,
    MedianWithinRecipe,
    ReseededSampler,
    suggest,
)
from bench.tuning.trials import interrupted, retry

if TYPE_CHECKING:
    from bench.registry.search import Distribution

SPACE: dict[str, Distribution] = {
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "patience": IntDistribution(1, 4),
    "factor": CategoricalDistribution((2.0, 5.0, 10.0)),
}


def study(sampler: BaseSampler) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize", sampler=sampler)


def objective(trial: optuna.Trial) -> float:
    suggest(trial, SPACE)
    return -abs(float(trial.params["rate"]) - 0.03) + float(trial.params["patience"]) / 100


def test_a_search_that_is_killed_in_its_suggestions_makes_the_same() -> None:
    """After every number of parameters; and TPE beyond its first ten trials, which are random."""
    straight, broken = study(ReseededSampler(0)), study(ReseededSampler(0))
    straight.optimize(objective, n_trials=14)
    while sum(trial.state == TrialState.COMPLETE for trial in broken.trials) < 14:
        trial = broken.ask()
        suggest(trial, dict(list(SPACE.items())[: trial.number % 4]))
        broken.tell(trial, state=TrialState.FAIL)
        (lost,) = interrupted(broken.trials)
        retry(broken, lost)
        # A new process.
        broken.sampler = ReseededSampler(0)
        broken.optimize(objective, n_trials=1)
    finished = [trial for trial in broken.trials if trial.state == TrialState.COMPLETE]
    assert [trial.params for trial in finished] == [trial.params for trial in straight.trials]
    assert len({tuple(trial.params.values()) for trial in finished}) == 14


def test_another_seed_suggests_something_else() -> None:
    found = []
    for seed in (0, 1):
        made = study(ReseededSampler(seed))
        made.optimize(objective, n_trials=2)
        found.append([trial.params["rate"] for trial in made.trials])
    assert not set(found[0]) & set(found[1])


def test_tpe_learns_where_a_random_search_does_not() -> None:
    """Otherwise it would be seeded so that it always draws at random."""
    last = []
    for sampler in (ReseededSampler(3), RandomSampler(3)):
        made = study(sampler)
        made.optimize(objective, n_trials=40)
        last.append(sum(trial.value or 0.0 for trial in made.trials[-15:]) / 15)
    tpe, random = last
    assert tpe > random


def test_steps_are_kept() -> None:
    made = study(ReseededSampler(0))
    space: dict[str, Distribution] = {
        "a": FloatDistribution(0.0, 1.0, step=0.25),
        "b": IntDistribution(2, 10, step=4),
    }

    def draw(trial: optuna.Trial) -> float:
        suggest(trial, space)
        return 0.0

    made.optimize(draw, n_trials=20)
    assert {trial.params["a"] for trial in made.trials} <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {trial.params["b"] for trial in made.trials} == {2, 6, 10}


@pytest.mark.parametrize("recipe", ["paper", "modern"])
def test_a_trial_is_pruned_by_trials_of_its_own_recipe(recipe: str) -> None:
    """Here the paper's recipe learns fast, and all of the modern one's trials are below it."""
    made = study(RandomSampler(0))
    made.pruner = MedianWithinRecipe()
    for of, auc in (("paper", 0.9), ("modern", 0.6)):
        for number in range(TRAINED_BEFORE_PRUNING):
            made.add_trial(
                create_trial(
                    params={RECIPE: of},
                    distributions={RECIPE: CategoricalDistribution(("paper", "modern"))},
                    value=auc,
                    intermediate_values={1: auc + number / 100},
                )
            )

    def pruned(auc: float) -> bool:
        made.enqueue_trial({RECIPE: recipe})
        trial = made.ask()
        trial.suggest_categorical(RECIPE, ("paper", "modern"))
        trial.report(auc, 1)
        return trial.should_prune()

    assert pruned(0.59)
    assert pruned(0.7) == (recipe == "paper")
    assert not pruned(0.95)
