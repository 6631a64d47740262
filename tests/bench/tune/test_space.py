"""What is searched in an experiment, and what a point of it means."""

from __future__ import annotations

from typing import Any

import pytest

from bench.config import load_experiment
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.tune.space import Space, make_space


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
    assert "model.policy" not in space("resnet18").dimensions
    pretrained = space("resnet18", model__pretrained=True)
    assert "model.policy" in pretrained.dimensions
    assert pretrained.at({"model.policy": "head"}).model.policy == "head"
    assert pretrained.start()["model.policy"] == "full"
    assert "model.policy" not in space("cxnet_m1", model__pretrained=True).dimensions
    dotted = space("timm:resnet18.a1_in1k", model__pretrained=True)
    assert "model.policy" in dotted.dimensions


def test_a_whole_branch_can_be_fixed() -> None:
    assert list(space("cxnet_m1", "train").dimensions) == ["model.options.cxnet_m1.dropout"]
    assert list(space("cxnet_m1", "model.options", "train.lr").dimensions) == [
        "train.decay_factor",
        "train.patience",
        "train.weight_decay",
        "train.momentum",
    ]
    assert len(space("cxnet_m1", "train.l").dimensions) == 6
    with pytest.raises(InputError, match="nothing is left to search for resnet18"):
        space("resnet18", "train")
