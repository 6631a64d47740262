"""What is searched in an experiment, and what a point of it means."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from bench.config import load_experiment
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.tuning.space import Space, described, make_space, nearest


def space(model: str, *fixed: str, **changes: Any) -> Space:
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    experiment = load_experiment("demo", changes={"models": [model], **keys})
    return make_space(experiment, model=model, loss="sin", fixed=fixed, task=make_task("m1"))


def test_a_point_changes_what_it_names_and_nothing_else() -> None:
    cxnet = space("cxnet_m1", model__options={"cxnet_m1": {"conv4_kernel": 3}})
    found = cxnet.at({"train.lr": 0.5, "model.options.cxnet_m1.dropout": 0.25})
    assert found.model.options == {"cxnet_m1": {"conv4_kernel": 3, "dropout": 0.25}}
    assert found.train == cxnet.base.train.model_copy(update={"lr": 0.5})
    assert (found.models, found.losses) == (("cxnet_m1",), ("sin",))
    assert found.data == cxnet.base.data
    assert cxnet.at({}) == cxnet.base


def test_the_start_is_the_config_s_and_of_options_the_model_s_own() -> None:
    assert space("cxnet_m1").start() == {
        "train.lr": 0.02,
        "train.decay_factor": 5.0,
        "train.patience": 1,
        "train.weight_decay": 1e-6,
        "train.momentum": 0.9,
        "model.options.cxnet_m1.dropout": 0.5,
    }
    given = space("cxnet_m1", model__options={"cxnet_m1": {"dropout": 0.1}})
    assert given.start()["model.options.cxnet_m1.dropout"] == 0.1


def test_a_policy_is_searched_where_there_are_weights_to_start_from() -> None:
    assert "model.policy" not in space("resnet18").distributions
    pretrained = space("resnet18", model__pretrained=True)
    assert "model.policy" in pretrained.distributions
    assert pretrained.at({"model.policy": "head"}).model.policy == "head"
    assert pretrained.start()["model.policy"] == "full"
    assert "model.policy" not in space("cxnet_m1", model__pretrained=True).distributions
    dotted = space("timm:resnet18.a1_in1k", model__pretrained=True)
    assert "model.policy" in dotted.distributions


def test_a_whole_branch_can_be_fixed() -> None:
    assert list(space("cxnet_m1", "train").distributions) == ["model.options.cxnet_m1.dropout"]
    assert list(space("cxnet_m1", "model.options", "train.lr").distributions) == [
        "train.decay_factor",
        "train.patience",
        "train.weight_decay",
        "train.momentum",
    ]
    assert len(space("cxnet_m1", "train.l").distributions) == 6
    with pytest.raises(InputError, match="nothing is left to search for resnet18"):
        space("resnet18", "train")


finite = st.floats(-1e9, 1e9)


@given(low=finite, extent=st.floats(1e-3, 1e9), value=finite)
def test_the_nearest_real_is_in_the_range_and_none_is_nearer(
    low: float, extent: float, value: float
) -> None:
    high = low + extent
    found = nearest(FloatDistribution(low, high), value)
    assert isinstance(found, float)
    assert low <= found <= high
    assert found == value or abs(found - value) == min(abs(low - value), abs(high - value))


@given(
    low=st.integers(-9, 9), steps=st.integers(0, 4), step=st.integers(1, 4),
    value=st.floats(-20, 20),
)  # fmt: skip
def test_the_nearest_whole_number_is_one_of_the_range(
    low: int, steps: int, step: int, value: float
) -> None:
    high = low + steps * step
    found = nearest(IntDistribution(low, high, step=step), value)
    assert isinstance(found, int)
    others = range(low, high + 1, step)
    assert found in others
    assert math.isclose(abs(found - value), min(abs(other - value) for other in others))


def test_a_choice_is_kept_as_it_was_declared() -> None:
    factors = CategoricalDistribution((2.0, 5.0, 10.0))
    assert repr(nearest(factors, 5)) == "5.0"
    assert nearest(factors, 4.0) == 2.0
    assert nearest(FloatDistribution(1.0, 2.0), "sgd") == 1.0


def test_distributions_in_words() -> None:
    assert space("cxnet_m1").described() == {
        "train.lr": "0.0001 to 0.1, log",
        "train.decay_factor": "2.0, 5.0 or 10.0",
        "train.patience": "1 to 4, whole",
        "train.weight_decay": "1e-06 to 0.01, log",
        "train.momentum": "0 to 0.99",
        "model.options.cxnet_m1.dropout": "0 to 0.8",
    }
    assert described(IntDistribution(2, 8, step=2)) == "2 to 8, whole, in steps of 2"
    assert described(CategoricalDistribution(("one",))) == "one"
