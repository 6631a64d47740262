"""Spaces: the dimensions of an experiment, and the settings at a point."""

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
from bench.registry import find_model, register_model
from bench.tuning.space import Space, check_space, declare_space, described, nearest

PAPER = {
    "train.recipe": "paper", "train.lr": 0.02, "train.momentum": 0.9, "train.decay_factor": 5,
    "train.patience": 1, "train.max_decays": 2,
}  # fmt: skip


def space(model: str, *fixed: str, loss: str = "sin", **changes: Any) -> Space:
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    experiment = load_experiment("demo", changes={"models": [model], **PAPER, **keys})
    task = make_task("m1")
    made = declare_space(experiment, model=model, loss=loss, fixed=fixed, task=task)
    check_space(made, task)
    return made


def test_a_point_changes_what_it_names_and_nothing_else() -> None:
    cxnet = space("cxnet_m1", model__options={"cxnet_m1": {"conv4_kernel": 3}})
    found = cxnet.at({"paper: train.lr": 0.5, "paper: model.options.cxnet_m1.dropout": 0.25})
    assert found.model.options == {"cxnet_m1": {"conv4_kernel": 3, "dropout": 0.25}}
    assert found.train == cxnet.base.train.model_copy(update={"lr": 0.5})
    assert (found.models, found.losses) == (("cxnet_m1",), ("sin",))
    assert found.data == cxnet.base.data
    assert cxnet.at({}) == cxnet.base


def test_the_recipe_is_a_dimension_and_each_has_its_own_for_every_network() -> None:
    for model in ("cxnet_m1", "resnet18"):
        names = space(model, model__pretrained=False).distributions
        own = [name for name in names if not name.startswith("paper: model")]
        assert names["train.recipe"] == CategoricalDistribution(("paper", "modern"))
        keys = ("lr", "decay_factor", "patience", "weight_decay", "momentum")
        modern = [f"train.{key}" for key in ("lr", "weight_decay", "warmup", "augment")]
        if model == "resnet18":
            modern.append("model.options.resnet18.drop_path_rate")
        else:
            modern.append("model.options.cxnet_m1.dropout")
        assert own[1:] == [
            *(f"paper: train.{key}" for key in keys), *(f"modern: {key}" for key in modern)
        ]  # fmt: skip
    for pretrained in (True, False):
        names = space("resnet18", model__pretrained=pretrained).distributions
        assert ("modern: train.layer_decay" in names) == pretrained


def test_another_recipe_starts_from_its_own_values_and_keeps_what_is_fixed() -> None:
    found = space("cxnet_m1", "train.weight_decay", train__weight_decay=0.3, train__batch_size=7)
    assert "modern: train.weight_decay" not in found.distributions
    modern = found.at({"train.recipe": "modern", "modern: train.lr": 1e-4}).train
    settings = ["train.recipe=modern", "train.lr=1e-4", "train.weight_decay=0.3"]
    settings += ["train.batch_size=7", "train.patience=1", "train.max_decays=2"]
    expected = load_experiment("demo", settings=settings)
    assert modern == expected.train


def test_the_starts_are_the_config_s_own_settings_and_the_other_recipe_s() -> None:
    points, notes = space("cxnet_m1", train__weight_decay=1e-4).starts()
    assert points == [
        {
            "train.recipe": "paper",
            "paper: train.lr": 0.02,
            "paper: train.decay_factor": 5.0,
            "paper: train.patience": 1,
            "paper: train.weight_decay": 1e-4,
            "paper: train.momentum": 0.9,
            "paper: model.options.cxnet_m1.dropout": 0.5,
        },
        {
            "train.recipe": "modern",
            "modern: train.lr": 3e-4,
            "modern: train.weight_decay": 0.05,
            "modern: train.warmup": 0.1,
            "modern: train.augment": "light",
            "modern: model.options.cxnet_m1.dropout": 0.5,
        },
    ]
    assert notes == []
    # The shipped space holds the shipped defaults of both recipes.
    assert space("cxnet_m1").starts()[1] == []
    given = space("cxnet_m1", model__options={"cxnet_m1": {"dropout": 0.1}}).starts()[0]
    assert given[0]["paper: model.options.cxnet_m1.dropout"] == 0.1


def test_a_start_outside_the_space_is_said_with_the_value_that_is_taken_instead() -> None:
    changes: dict[str, Any] = {
        "train__lr": 0.5,
        "train__weight_decay": 1e-4,
        "train__decay_factor": 3.0,
    }
    (paper, _), notes = space("cxnet_m1", **changes).starts()
    assert (paper["paper: train.lr"], paper["paper: train.decay_factor"]) == (0.1, 2.0)
    assert notes == [
        "search: the first trial of paper has train.lr=0.1 instead of 0.5, which is outside "
        "0.0001 to 0.1, log",
        "search: the first trial of paper has train.decay_factor=2.0 instead of 3.0, which is "
        "outside 2.0, 5.0 or 10.0",
    ]
    (only,), (note,) = space("cxnet_m1", search={"modern": {"train.lr": [1e-4, 3e-4]}}).starts()
    assert only["modern: train.lr"] == 3e-4
    assert note.startswith("the config's recipe paper is not searched")


def test_a_policy_is_searched_where_there_are_weights_to_start_from() -> None:
    name = "paper: model.policy"
    assert name not in space("resnet18", model__pretrained=False).distributions
    pretrained = space("resnet18", model__pretrained=True)
    assert pretrained.at({name: "head"}).model.policy == "head"
    assert [point.get(name) for point in pretrained.starts()[0]] == ["full", None]
    assert name not in space("cxnet_m1", model__pretrained=True).distributions
    assert name in space("timm:resnet18.a1_in1k", model__pretrained=True).distributions


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("loss.options.focl.gamma", "unknown loss 'focl': did you mean focal"),
        ("model.options.cxnet_m2.dropout", "unknown model 'cxnet_m2': did you mean cxnet_m1"),
    ],
)
def test_options_of_what_there_is_not_are_refused(key: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        space("cxnet_m1", search={"paper": {"train.lr": [0.1, 0.2], key: [0.5, 1.0]}})


def test_no_dimension_is_without_effect() -> None:
    cosine = space("cxnet_m1", train__optimizer="adamw", train__schedule="cosine")
    assert [name for name in cosine.distributions if name.startswith("paper: train.")] == [
        "paper: train.lr", "paper: train.weight_decay",
    ]  # fmt: skip
    for key, reason in (
        ("train.momentum", "adamw has no such momentum"),
        ("train.decay_factor", "a cosine has no plateaus"),
    ):
        with pytest.raises(InputError, match=f"search.modern: {key} means nothing: {reason}"):
            space("cxnet_m1", search={"modern": {key: [2.0, 3.0]}})


def test_options_of_losses_and_models_are_searched_where_they_are_theirs() -> None:
    search = {
        "paper": {
            "loss.options.focal.gamma": {"low": 0.0, "high": 5.0},
            "model.options.cxnet_*.dropout": [0.0, 0.5],
            "train.lr": {"low": 0.1, "high": 0.2, "models": ["resnet*"]},
        }
    }
    focal = space("cxnet_m1", loss="focal", search=search)
    assert list(focal.dimensions["paper"]) == [
        "model.options.cxnet_m1.dropout", "loss.options.focal.gamma",
    ]  # fmt: skip
    assert focal.at({"paper: loss.options.focal.gamma": 4.0}).loss.options["focal"] == {"gamma": 4}
    assert focal.starts()[0][0]["paper: loss.options.focal.gamma"] == 2.0
    sin = space("resnet18", search=search)
    assert list(sin.dimensions["paper"]) == ["train.lr"]
    wrong = {"paper": {"loss.options.focal.delta": [1, 2]}}
    with pytest.raises(InputError, match="takes no option 'delta'"):
        space("cxnet_m1", loss="focal", search=wrong)


@pytest.mark.usefixtures("registries_kept")
def test_a_registration_changes_the_shipped_space_and_a_config_comes_before_it() -> None:
    changes = {
        "train.momentum": None,
        "modern: train.lr": FloatDistribution(1e-6, 1e-5),
        "train.batch_size": IntDistribution(4, 8),
    }
    register_model("mine", description="a network", search=changes)(find_model("cxnet_m1").factory)
    found = space("mine").dimensions
    assert "train.momentum" not in found["paper"]
    assert found["paper"]["train.lr"] == FloatDistribution(1e-4, 1e-1, log=True)
    assert found["modern"]["train.lr"] == FloatDistribution(1e-6, 1e-5)
    own = {"modern": {"train.lr": {"low": 0.1, "high": 0.2}}}
    assert space("mine", search=own).dimensions == {
        "modern": {
            "train.lr": FloatDistribution(0.1, 0.2), "train.batch_size": IntDistribution(4, 8),
        }
    }  # fmt: skip


def test_what_is_set_is_not_searched() -> None:
    assert list(space("cxnet_m1", "train").distributions) == [
        "paper: model.options.cxnet_m1.dropout"
    ]
    assert list(space("cxnet_m1", "model.options", "train.recipe").dimensions) == ["paper"]
    assert "paper: train.lr" not in space("cxnet_m1", "train.lr").distributions
    modern = space("cxnet_m1", "train.recipe", train__recipe="modern")
    assert list(modern.dimensions) == ["modern"]
    with pytest.raises(InputError, match="nothing is left to search for resnet18"):
        space("resnet18", "train", model__pretrained=False)


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


def test_the_nearest_of_what_is_no_number_is_the_lower_end() -> None:
    assert nearest(FloatDistribution(1.0, 2.0), "sgd") == 1.0


def test_distributions_in_words() -> None:
    assert space("cxnet_m1", "train.weight_decay").described() == {
        "train.recipe": "paper or modern",
        "paper: train.lr": "0.0001 to 0.1, log",
        "paper: train.decay_factor": "2.0, 5.0 or 10.0",
        "paper: train.patience": "1 to 4, whole",
        "paper: train.momentum": "0 to 0.99",
        "paper: model.options.cxnet_m1.dropout": "0 to 0.8",
        "modern: train.lr": "1e-05 to 0.001, log",
        "modern: train.warmup": "0 to 0.2",
        "modern: train.augment": "none or light",
        "modern: model.options.cxnet_m1.dropout": "0 to 0.8",
    }
    assert described(IntDistribution(2, 8, step=2)) == "2 to 8, whole, in steps of 2"
    assert described(CategoricalDistribution(("one",))) == "one"
