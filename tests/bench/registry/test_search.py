"""Dimensions of a search: what they hold, what they refuse, and where they begin."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.registry import MODELS, Choices, Integers, Reals, find_model, register_model
from bench.registry.search import check_search, default_search

DEFAULT = ["train.lr", "train.decay_factor", "train.patience", "train.weight_decay"]
DEFAULT += ["train.momentum"]
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(low=finite, high=finite, value=finite)
def test_the_nearest_real_is_in_the_range_and_none_is_nearer(
    low: float, high: float, value: float
) -> None:
    if low >= high:
        with pytest.raises(InputError, match="the first end is below the second"):
            Reals(low, high)
        return
    nearest = Reals(low, high).nearest(value)
    assert isinstance(nearest, float)
    assert low <= nearest <= high
    assert nearest == value or nearest in (low, high)
    assert abs(nearest - value) <= min(abs(low - value), abs(high - value))


@given(low=st.integers(-9, 9), extent=st.integers(1, 9), value=st.floats(-20, 20))
def test_the_nearest_whole_number_is_in_the_range(low: int, extent: int, value: float) -> None:
    nearest = Integers(low, low + extent).nearest(value)
    others = range(low, low + extent + 1)
    assert nearest in others
    assert abs(float(nearest or 0) - value) == min(abs(other - value) for other in others)


def test_a_choice_is_kept_as_it_was_declared() -> None:
    factors = Choices((2.0, 5.0, 10.0))
    assert repr(factors.nearest(5)) == "5.0"
    assert factors.nearest(4.0) == 2.0
    assert Reals(1.0, 2.0).nearest("sgd") == 1.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Reals(0.0, math.inf), "finite numbers"),
        (lambda: Reals(math.nan, 1.0), "finite numbers"),
        (lambda: Reals(True, 2.0), "finite numbers"),
        (lambda: Reals("0", 2.0), "finite numbers"),  # type: ignore[arg-type]
        (lambda: Reals(0.0, 1.0, log=True), "above 0"),
        (lambda: Integers(0, 4, log=True), "above 0"),
        (lambda: Integers(0, 4.0), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Integers(4, 4), "below the second"),
        (lambda: Choices(("a",)), "at least two"),
        (lambda: Choices(["a", "b"]), "at least two values, as a tuple"),  # type: ignore[arg-type]
        (lambda: Choices(("a", "a")), "there twice"),
        (lambda: Choices(("a", math.nan)), "no text, finite number"),
        (lambda: Choices(("a", ("b",))), "no text, finite number"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_dimension_is_refused_in_one_line(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    ["lr", "train.", "train", "data.image_size", "model.pretrained", "model.options.other.width",
     "model.options.mine.", "seeds", "train.max_iterations", "train.validate_every"],
)  # fmt: skip
def test_what_a_search_may_not_change_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"search key '{key}' cannot be searched"):
        check_search("mine", {key: Reals(0.0, 1.0)})


def test_words() -> None:
    assert {key: str(dimension) for key, dimension in default_search().items()} == {
        "train.lr": "0.0001 to 0.1, log",
        "train.decay_factor": "2.0, 5.0 or 10.0",
        "train.patience": "1 to 4, whole",
        "train.weight_decay": "1e-06 to 0.01, log",
        "train.momentum": "0 to 0.99",
    }


def test_every_model_has_a_space_and_those_with_weights_a_policy() -> None:
    for entry in MODELS:
        expected = list(DEFAULT)
        if entry.timm_name is not None:
            expected.append("model.policy")
        if entry.name.startswith("cxnet"):
            expected.append(f"model.options.{entry.name}.dropout")
        assert list(entry.search_space) == expected
    assert list(find_model("timm:resnet10t").search_space) == [*DEFAULT, "model.policy"]


def test_a_registration_adds_overrides_and_removes() -> None:
    wide = Reals(1e-6, 1.0, log=True)
    width = Choices((4, 8))
    search = {"train.lr": wide, "train.momentum": None, "model.options.mine.width": width}
    try:
        register_model("mine", description="a network", search=search)(lambda: None)  # type: ignore[arg-type, return-value]
        space = find_model("mine").search_space
    finally:
        MODELS.remove("mine")
    assert list(space) == [*DEFAULT[:-1], "model.options.mine.width"]
    assert (space["train.lr"], space["model.options.mine.width"]) == (wide, width)
