"""The key ``search`` of an experiment: what ``bench tune`` chooses, and among which values.

The shipped ranges are ours, wide about what is used: those of ``paper`` about what networks of this
size are trained with (its decay factors are the paper's own), those of ``modern`` about what
ConvNeXt (Liu et al. 2022), BEiT (Bao et al. 2022) and timm's own recipes fine-tune with.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import field_validator, model_validator

from bench.config.frozen import Frozen
from bench.config.recipes import AUGMENTATIONS, Recipe
from bench.registry.search import Scalar, reason_not_searched


class Dimension(Frozen):
    """Values of a setting: a range from ``low`` to ``high``, or ``choices``.

    A list in YAML is its choices.
    """

    low: int | float | None = None
    """Lower end of a range."""
    high: int | float | None = None
    """Upper end; where both ends are whole, so are the values."""
    log: bool = False
    """Drawn by the logarithm."""
    choices: tuple[Scalar, ...] = ()
    """Values, instead of a range."""
    models: tuple[str, ...] = ("*",)
    """Networks that it is for, by name or shell pattern."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, values: Any) -> Any:
        return {"choices": values} if isinstance(values, list | tuple) else values

    @model_validator(mode="after")
    def _is_a_range_or_choices(self) -> Dimension:
        is_range = self.low is not None and self.high is not None
        if is_range == bool(self.choices) or (self.low is None) != (self.high is None):
            raise ValueError("write {low: 0, high: 1}, or a list of choices")
        if self.low is None or self.high is None:
            return self
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("a range by its logarithm begins above 0")
        return self

    def is_for(self, model: str) -> bool:
        """Whether the setting is searched for a network of this name."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


Dimensions = dict[str, Dimension]


class SearchConfig(Frozen):
    """Settings that are searched under each recipe; one that is left out is not tried."""

    paper: Dimensions | None = None
    """Dimensions by dotted key, under the recipe ``paper``."""
    modern: Dimensions | None = None
    """Dimensions by dotted key, under the recipe ``modern``."""

    @field_validator("paper", "modern", mode="before")
    @classmethod
    def _dotted(cls, dimensions: Any) -> Any:
        return _flat(dimensions) if isinstance(dimensions, dict) else dimensions

    @field_validator("paper", "modern")
    @classmethod
    def _can_be_searched(cls, dimensions: Dimensions | None) -> Dimensions | None:
        for key in dimensions or ():
            reason = reason_not_searched(key)
            if reason:
                raise ValueError(f"{key} cannot be searched: {reason}")
        return dimensions

    @model_validator(mode="after")
    def _has_a_recipe(self) -> SearchConfig:
        if not self.by_recipe():
            raise ValueError("write the dimensions under paper, modern or both")
        return self

    def by_recipe(self) -> dict[Recipe, Dimensions]:
        """The dimensions of each recipe that is tried."""
        both: dict[Recipe, Dimensions | None] = {"paper": self.paper, "modern": self.modern}
        return {recipe: found for recipe, found in both.items() if found is not None}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dimensions by dotted key, from keys with dots or nested mappings."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and not value.keys() & Dimension.model_fields.keys()
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


POLICIES = Dimension(choices=("full", "head", "last_stage"))
SHIPPED = SearchConfig(
    paper={
        "train.lr": Dimension(low=1e-4, high=1e-1, log=True),
        "train.decay_factor": Dimension(choices=(2.0, 5.0, 10.0)),
        "train.patience": Dimension(low=1, high=4),
        "train.weight_decay": Dimension(choices=(0.0, 1e-5, 1e-4, 1e-3, 1e-2)),
        "train.momentum": Dimension(low=0.0, high=0.99),
        "model.policy": POLICIES,
    },
    modern={
        "train.lr": Dimension(low=1e-5, high=1e-3, log=True),
        "train.weight_decay": Dimension(low=1e-3, high=1e-1, log=True),
        "train.warmup": Dimension(low=0.0, high=0.2),
        "train.layer_decay": Dimension(low=0.6, high=1.0),
        "train.augment": Dimension(choices=tuple(AUGMENTATIONS)),
        "model.options.*.drop_path_rate": Dimension(low=0.0, high=0.3),
        "model.policy": POLICIES,
    },
)
