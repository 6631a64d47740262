"""Optuna's samplers and pruners, made so that a killed search goes on as it would have gone.

Optuna's samplers hold a generator whose state dies with the process. Here a sampler is made anew
for every question and seeded by (seed, trial, parameter), so that what it suggests is a function
of these and of the trials before, whoever asks and however often the search was interrupted.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial

from bench.config import TrainConfig
from bench.randomness import derive_seed
from bench.registry import Choices, Dimension, Integers
from bench.registry.search import Scalar

SamplerName = Literal["tpe", "random"]
PrunerName = Literal["median", "hyperband", "none"]

SAMPLERS: dict[SamplerName, str] = {
    "tpe": "TPE, multivariate (Optuna)",
    "random": "random (Optuna)",
}
PRUNERS: dict[PrunerName, str] = {
    "median": "median of the finished trials at the same validation (Optuna)",
    "hyperband": "Hyperband, in validations, by 3 (Optuna)",
    "none": "none",
}


class SteadySampler(BaseSampler):
    """One of Optuna's samplers without a state of its own.

    Args:
        name: which.
        seed: of the search.
        start: the first trial's parameters.
    """

    def __init__(self, name: SamplerName, *, seed: int, start: Mapping[str, Scalar]) -> None:
        self._name = name
        self._seed = seed
        self._start = start

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if trial.number == 0:
            return {}
        return self._sampler(trial, "").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler(trial, "").sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if trial.number == 0:
            return self._start[param_name]
        sampler = self._sampler(trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def _sampler(self, trial: FrozenTrial, parameter: str) -> BaseSampler:
        # NumPy's old generator, which Optuna uses, takes 32 bits.
        seed = derive_seed(self._seed, f"suggestion {parameter}", trial.number) % 2**32
        if self._name == "random":
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            # Before Optuna 5 both options were called experimental.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return TPESampler(multivariate=True, constant_liar=True, seed=seed)


def make_pruner(name: PrunerName, *, train: TrainConfig) -> BasePruner:
    """A pruner of trials whose steps are validations, counted from 1.

    Args:
        name: which.
        train: how long a trial is trained at most.
    """
    if name == "median":
        return MedianPruner()
    if name == "hyperband":
        validations = -(-train.max_iterations // train.validate_every)
        return HyperbandPruner(min_resource=1, max_resource=validations, reduction_factor=3)
    return NopPruner()


def suggest(trial: Trial, key: str, dimension: Dimension) -> None:
    """Draw a parameter of a trial, unless it has been drawn."""
    if isinstance(dimension, Choices):
        trial.suggest_categorical(key, dimension.values)
    elif isinstance(dimension, Integers):
        trial.suggest_int(key, dimension.low, dimension.high, log=dimension.log)
    else:
        trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)
