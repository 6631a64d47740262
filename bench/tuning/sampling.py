"""Optuna's sampler and pruner: the same suggestions after an interruption, recipes kept apart.

Optuna's samplers hold a generator whose state dies with the process: a restarted search would
suggest its first points again, and a second worker those of the first.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial

from bench.randomness import derive_seed
from bench.tuning.trials import RETRIES

if TYPE_CHECKING:
    from bench.registry.search import SearchSpace

RECIPE = "train.recipe"
"""The parameter that says of which recipe a trial is, where several are searched."""
TRAINED_BEFORE_PRUNING = 3
"""Trials of a recipe that are trained to their end before one of it is pruned: the default budget,
ten trainings, leaves each recipe some five."""

SAMPLER = "TPE, multivariate, in groups (Optuna)"
PRUNER = "median of the finished trials of the same recipe at the same validation (Optuna)"


class ReseededSampler(BaseSampler):
    """Optuna's TPE sampler, seeded anew for each trial and parameter.

    A suggestion is a function of the seed, the parameter, the trials before and how many of them
    there are; those that retry an interrupted one are not counted.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Parameters that are sampled together."""
        return self._sampler(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        sampler = self._sampler(study, trial)
        sampler.infer_relative_search_space(study, trial)  # TPE keeps its groups in between
        return sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Value of another parameter."""
        sampler = self._sampler(study, trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def _sampler(self, study: Study, trial: FrozenTrial, parameter: str = "") -> BaseSampler:
        up_to_here = study.get_trials(deepcopy=False)[: trial.number + 1]
        step = trial.number - sum(RETRIES in other.user_attrs for other in up_to_here)
        # NumPy's old generator, which Optuna uses, takes 32 bits.
        seed = derive_seed(self._seed, f"suggestion {parameter}", step) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # In groups: the parameters of each recipe are drawn together.
            return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


class MedianWithinRecipe(MedianPruner):
    """Optuna's median pruner among the trials of one recipe.

    A recipe that warms up or decays late is behind at first: it is no worse for that.
    """

    def __init__(self) -> None:
        super().__init__(n_startup_trials=TRAINED_BEFORE_PRUNING)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a trial ends here."""
        recipe = trial.params.get(RECIPE)

        def of_recipe(**chosen: Any) -> list[FrozenTrial]:
            trials = study.get_trials(**chosen)
            return [other for other in trials if other.params.get(RECIPE) == recipe]

        same = SimpleNamespace(get_trials=of_recipe, direction=study.direction)
        return super().prune(cast("Study", same), trial)


def suggest(trial: Trial, space: SearchSpace) -> None:
    """Draw all parameters of a trial that it does not have yet."""
    for key, distribution in space.items():
        if isinstance(distribution, CategoricalDistribution):
            trial.suggest_categorical(key, distribution.choices)
            continue
        draw: Any = trial.suggest_float
        if isinstance(distribution, IntDistribution):
            draw = trial.suggest_int
        low, high = distribution.low, distribution.high
        draw(key, low, high, step=distribution.step, log=distribution.log)
