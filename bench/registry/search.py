"""Search spaces of the models: Optuna's distributions by the dotted keys of the config.

Every model has a default, so that a new one can be tuned as it is. Optuna is imported when a space
is asked for, not when a model is registered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
    SearchSpace = Mapping[str, Distribution]
    SearchChanges = Mapping[str, Distribution | None]
    Search = SearchChanges | Callable[[], SearchChanges]

Scalar = bool | int | float | str | None

OPTIONS = "model.options."
POLICY = "model.policy"
# They set what a training costs and when it is validated: with them trials and budgets would not
# compare.
NOT_SEARCHED = ("train.max_iterations", "train.validate_every", "train.precision")


def search_space(model: str, search: Search, *, pretrainable: bool) -> SearchSpace:
    """Distributions of a model's settings: the default ones, changed by its registration.

    The decay factors are the paper's; the ranges are ours, wide about what networks of this size
    are trained with. ``model.policy`` is there for a network that can start from pretrained
    weights; it means nothing in an experiment that does not.

    Args:
        model: the model's name.
        search: distributions by dotted key, None for a key that is left alone; or a function
            that returns them.
        pretrainable: whether there are pretrained weights.

    Raises:
        InputError: a key that may not be searched, a value that is no distribution, or an
            infinite range.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    space: dict[str, Distribution | None] = {
        "train.lr": FloatDistribution(1e-4, 1e-1, log=True),
        "train.decay_factor": CategoricalDistribution((2.0, 5.0, 10.0)),
        "train.patience": IntDistribution(1, 4),
        "train.weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        "train.momentum": FloatDistribution(0.0, 0.99),
    }
    if pretrainable:
        space[POLICY] = CategoricalDistribution(("full", "head", "last_stage"))
    space |= _checked(model, search)
    return {key: distribution for key, distribution in space.items() if distribution}


def _checked(model: str, search: Search) -> SearchChanges:
    """A registration's changes, checked as far as that goes without the schema."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    changes = search() if callable(search) else search
    for key, value in changes.items():
        where = f"model {model!r}: search key {key!r}"
        own = ("train.", f"{OPTIONS}{model}.")
        is_setting = key.startswith(own) and key not in own
        if key in NOT_SEARCHED or not (is_setting or key == POLICY):
            raise InputError(
                f"{where} cannot be searched: a key of train such as train.lr (none of "
                f"{', '.join(NOT_SEARCHED)}), {POLICY}, or {OPTIONS}{model}.OPTION"
            )
        if isinstance(value, FloatDistribution | IntDistribution):
            if not math.isfinite(value.high - value.low):
                raise InputError(f"{where}: the ends are finite numbers, not {value}")
        elif not isinstance(value, CategoricalDistribution | None):
            raise InputError(
                f"{where}: give a FloatDistribution, IntDistribution or CategoricalDistribution "
                "of optuna.distributions, or None to leave it alone"
            )
    return changes
