"""Search spaces that models declare, and what may not be searched."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.distributions import FloatDistribution

from bench.errors import InputError
from bench.registry import MODELS, find_model, register_model
from bench.registry.search import search_changes


@pytest.mark.parametrize(
    "key",
    ["lr", "train.", "train", "data.image_size", "model.pretrained", "model.options.other.width",
     "model.options.mine.", "seeds", "train.max_iterations", "train.validate_every", "train.recipe",
     "fancy: train.lr"],
)  # fmt: skip
def test_what_a_search_may_not_change_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"search key '{key}' cannot be searched"):
        search_changes("mine", {key: FloatDistribution(0.0, 1.0)})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.1, "give a FloatDistribution, IntDistribution or CategoricalDistribution"),
        ((0.1, 0.2), "give a FloatDistribution"),
        (FloatDistribution(0.0, math.inf), "the ends are finite numbers"),
        (FloatDistribution(math.nan, 1.0), "the ends are finite numbers"),
    ],
)
def test_what_is_no_distribution_is_refused_in_one_line(value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        search_changes("mine", {"train.lr": value})
    assert "\n" not in str(refused.value)


def test_only_dropout_of_the_paper_s_networks_is_declared_by_built_in_models() -> None:
    for entry in MODELS:
        own = [f"model.options.{entry.name}.dropout"] if entry.name.startswith("cxnet") else []
        assert list(entry.search_changes) == own


@pytest.mark.usefixtures("registries_kept")
@pytest.mark.parametrize("lazy", [False, True])
def test_a_model_is_registered_with_its_changes(lazy: bool) -> None:
    changes = {"train.momentum": None, "modern: train.lr": FloatDistribution(1e-6, 1.0, log=True)}
    declared: Any = (lambda: changes) if lazy else changes
    register_model("mine", description="a network", search=declared)(lambda: None)  # type: ignore[arg-type, return-value]
    assert find_model("mine").search_changes == changes
