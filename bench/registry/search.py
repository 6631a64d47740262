"""Changes of the search space that a model's registration declares, and what may be searched.

Optuna is imported when the changes are asked for, not when a model is registered.
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
LOSS_OPTIONS = "loss.options."
POLICY = "model.policy"
# They set what a training costs and when it is validated (with them trials and budgets would not
# compare), what other keys mean, or nothing that a trial shows.
NOT_SEARCHED = (
    "train.max_iterations", "train.validate_every", "train.precision", "train.recipe",
    "train.optimizer", "train.schedule", "train.checkpoint_seconds",
    "train.devices",
)  # fmt: skip
SEARCHED = (
    f"a key of train such as train.lr (none of {', '.join(NOT_SEARCHED)}), {POLICY}, "
    f"{OPTIONS}MODEL.OPTION or {LOSS_OPTIONS}LOSS.OPTION"
)


def reason_not_searched(key: str) -> str | None:
    """Reason why a dotted key cannot be searched; None where it can."""
    branch = next((b for b in ("train.", OPTIONS, LOSS_OPTIONS) if key.startswith(b)), None)
    if branch is None:
        return None if key == POLICY else f"give {SEARCHED}"
    named = key.removeprefix(branch)
    whole = "." in named.strip(".") if branch != "train." else bool(named)
    return None if whole and key not in NOT_SEARCHED else f"give {SEARCHED}"


def search_changes(model: str, search: Search) -> SearchChanges:
    """A registration's changes of the search space, checked as far as that goes without the schema.

    Args:
        search: distributions by dotted key, None for a key that is left alone; or a function
            that returns them. A key that begins with ``paper: `` or ``modern: `` is of this
            recipe alone.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    changes = search() if callable(search) else search
    for name, value in changes.items():
        where = f"model {model!r}: search key {name!r}"
        key = name.removeprefix("paper: ").removeprefix("modern: ")
        is_foreign = key.startswith(OPTIONS) and not key.startswith(f"{OPTIONS}{model}.")
        reason = reason_not_searched(key)
        if reason or is_foreign:
            raise InputError(f"{where} cannot be searched: {reason or f'it is not of {model}'}")
        if isinstance(value, FloatDistribution | IntDistribution):
            if not math.isfinite(value.high - value.low):
                raise InputError(f"{where}: the ends are finite numbers, not {value}")
        elif not isinstance(value, CategoricalDistribution | None):
            raise InputError(
                f"{where}: give a FloatDistribution, IntDistribution or CategoricalDistribution "
                "of optuna.distributions, or None to leave it alone"
            )
    return changes
