"""What may be searched for a model: dimensions by the dotted keys of the config.

Every model has a default, so that a new one is tuned without a word about it. Plain values only;
what searches them is :mod:`bench.tune`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bench.errors import InputError

Scalar = bool | int | float | str | None

OPTIONS = "model.options."
# They say how much a training costs and when it is looked at: with them no two budgets and no
# two trials would compare.
NOT_SEARCHED = ("train.max_iterations", "train.validate_every", "train.precision")


@dataclass(frozen=True)
class Reals:
    """The real numbers from ``low`` to ``high``, both included.

    Attributes:
        low, high: the ends.
        log: as likely in every decade; the range must be above 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{', log' if self.log else ''}"

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Values that show whether a setting takes the dimension: its ends."""
        return (self.low, self.high)

    def nearest(self, value: Scalar) -> Scalar:
        """The value of the dimension that is nearest to a setting."""
        return min(max(_as_number(value, self.low), self.low), self.high)


@dataclass(frozen=True)
class Integers:
    """The whole numbers from ``low`` to ``high``, both included.

    Attributes:
        low, high: the ends.
        log: as likely in every decade; the range must be above 0.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if type(self.low) is not int or type(self.high) is not int:
            raise InputError(f"{self!r}: the ends are whole numbers")
        _check_range(self, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}, whole{', log' if self.log else ''}"

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Values that show whether a setting takes the dimension: its ends."""
        return (self.low, self.high)

    def nearest(self, value: Scalar) -> Scalar:
        """The value of the dimension that is nearest to a setting."""
        return min(max(round(_as_number(value, self.low)), self.low), self.high)


@dataclass(frozen=True)
class Choices:
    """Some values, none nearer to another than to the rest.

    Attributes:
        values: texts, numbers, truth values or None; at least two, all different.
    """

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.values, tuple) or len(self.values) < 2:
            raise InputError(f"{self!r}: give at least two values, as a tuple")
        for value in self.values:
            if not isinstance(value, Scalar) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise InputError(f"{self!r}: {value!r} is no text, finite number or truth value")
        if len(set(map(repr, self.values))) < len(self.values):
            raise InputError(f"{self!r}: a value is there twice")

    def __str__(self) -> str:
        return ", ".join(map(str, self.values[:-1])) + f" or {self.values[-1]}"

    @property
    def examples(self) -> tuple[Scalar, ...]:
        """Values that show whether a setting takes the dimension: all of them."""
        return self.values

    def nearest(self, value: Scalar) -> Scalar:
        """The setting itself where it is one of the values, otherwise the first of them."""
        return next((own for own in self.values if own == value), self.values[0])


Dimension = Reals | Integers | Choices
SearchSpace = Mapping[str, Dimension]
SearchChanges = Mapping[str, Dimension | None]


class Searched(NamedTuple):
    """A dotted key and its dimension."""

    key: str
    dimension: Dimension


POLICY = Searched("model.policy", Choices(("full", "head", "last_stage")))


def default_search() -> dict[str, Dimension]:
    """What is searched for every model that does not say otherwise.

    The decay factors are the paper's; the ranges are ours, wide about what networks of this size
    are trained with.
    """
    return {
        "train.lr": Reals(1e-4, 1e-1, log=True),
        "train.decay_factor": Choices((2.0, 5.0, 10.0)),
        "train.patience": Integers(1, 4),
        "train.weight_decay": Reals(1e-6, 1e-2, log=True),
        "train.momentum": Reals(0.0, 0.99),
    }


def check_search(model: str, search: SearchChanges) -> dict[str, Dimension | None]:
    """What a registration declares, checked as far as it can be without the config's schema.

    Args:
        model: the model's name.
        search: dimensions by dotted key.

    Returns:
        A copy of it.

    Raises:
        InputError: a key that a search may not change, or a value that is no dimension.
    """
    for key, dimension in search.items():
        where = f"model {model!r}: search key {key!r}"
        if not isinstance(key, str) or key in NOT_SEARCHED or not _is_models_own(key, model):
            raise InputError(
                f"{where} cannot be searched: a key of train such as train.lr (none of "
                f"{', '.join(NOT_SEARCHED)}), {POLICY.key}, or {OPTIONS}{model}.OPTION"
            )
        if not isinstance(dimension, Dimension | None):
            raise InputError(f"{where}: give Reals, Integers or Choices, or None to leave it alone")
    return dict(search)


def _is_models_own(key: str, model: str) -> bool:
    own = f"{OPTIONS}{model}."
    return key == POLICY.key or any(
        key.startswith(prefix) and len(key) > len(prefix) for prefix in ("train.", own)
    )


def _check_range(dimension: object, low: float, high: float, *, log: bool) -> None:
    for end in (low, high):
        number = isinstance(end, int | float) and not isinstance(end, bool)
        if not number or not math.isfinite(end):
            raise InputError(f"{dimension!r}: the ends are finite numbers")
    if low >= high:
        raise InputError(f"{dimension!r}: the first end is below the second")
    if log and low <= 0:
        raise InputError(f"{dimension!r}: a range by decades is above 0")


def _as_number(value: Scalar, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
