"""Search spaces that models declare, and what may not be searched."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from bench.errors import InputError
from bench.registry import MODELS, find_model, register_model
from bench.registry.search import search_space

DEFAULT = ["train.lr", "train.decay_factor", "train.patience", "train.weight_decay"]
DEFAULT += ["train.momentum"]


@pytest.mark.parametrize(
    "key",
    ["lr", "train.", "train", "data.image_size", "model.pretrained", "model.options.other.width",
     "model.options.mine.", "seeds", "train.max_iterations", "train.validate_every"],
)  # fmt: skip
def test_what_a_search_may_not_change_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"search key '{key}' cannot be searched"):
        search_space("mine", {key: FloatDistribution(0.0, 1.0)}, pretrainable=False)


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
        search_space("mine", {"train.lr": value}, pretrainable=False)
    assert "\n" not in str(refused.value)


def test_every_model_has_a_space_and_those_with_weights_a_policy() -> None:
    for entry in MODELS:
        expected = list(DEFAULT)
        if entry.timm_name is not None:
            expected.append("model.policy")
        if entry.name.startswith("cxnet"):
            expected.append(f"model.options.{entry.name}.dropout")
        assert list(entry.search_space) == expected
    assert list(find_model("timm:resnet10t").search_space) == [*DEFAULT, "model.policy"]


@pytest.mark.parametrize("lazy", [False, True])
def test_a_registration_adds_overrides_and_removes(lazy: bool) -> None:
    wide = FloatDistribution(1e-6, 1.0, log=True)
    width = CategoricalDistribution((4, 8))
    search = {"train.lr": wide, "train.momentum": None, "model.options.mine.width": width}
    declared: Any = (lambda: search) if lazy else search
    space = search_space("mine", declared, pretrainable=False)
    assert list(space) == [*DEFAULT[:-1], "model.options.mine.width"]
    assert (space["train.lr"], space["model.options.mine.width"]) == (wide, width)
    assert space["train.patience"] == IntDistribution(1, 4)


@pytest.mark.usefixtures("registries_kept")
def test_a_model_is_registered_with_its_changes() -> None:
    fixed = {"train.momentum": None}
    register_model("mine", description="a network", search=fixed)(lambda: None)  # type: ignore[arg-type, return-value]
    assert list(find_model("mine").search_space) == DEFAULT[:-1]
