"""The key ``search``: ranges and choices by recipe, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from bench.config import Experiment, load_experiment
from bench.config.search import SHIPPED, Dimension, SearchConfig
from bench.errors import InputError

LR = {"low": 1e-5, "high": 1e-3, "log": True}


def test_keys_with_dots_and_nested_mappings_mean_the_same() -> None:
    dotted = load_experiment("demo", changes={"search": {"modern": {"train.lr": LR}}}).search
    nested = load_experiment(
        "demo", settings=["search.modern.train.lr={low: 1e-5, high: 1e-3, log: true}"]
    ).search
    assert dotted == nested == SearchConfig(modern={"train.lr": Dimension(**LR)})
    assert dotted is not None
    assert list(dotted.by_recipe()) == ["modern"]


def test_a_list_is_choices_and_a_dimension_may_be_for_some_models() -> None:
    search = SearchConfig.model_validate(
        {
            "paper": {
                "train.batch_size": [16, 32],
                "model.options.*.width": {"low": 2, "high": 8, "models": ["narrow", "wide_*"]},
            }
        }
    )
    assert search.paper is not None
    batch, width = search.paper.values()
    assert batch.choices == (16, 32)
    assert [width.is_for(name) for name in ("narrow", "wide_1", "resnet18")] == [True, True, False]


def test_an_experiment_keeps_its_search_when_it_is_stored() -> None:
    experiment = load_experiment("demo", changes={"search": SHIPPED.model_dump(mode="json")})
    assert experiment.search == SHIPPED
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ({}, "write the dimensions under paper, modern or both"),
        ({"mine": {}}, "unknown key 'search.mine'"),
        ({"paper": {"train.lr": 0.1}}, "Input should be a mapping"),
        ({"paper": {"train.lr": []}}, "write {low: 0, high: 1}, or a list of choices"),
        ({"paper": {"train.lr": {"low": 0.1}}}, "write {low: 0, high: 1}, or a list of choices"),
        ({"paper": {"train.lr": {"low": 2.0, "high": 1.0}}}, "low must be below high"),
        ({"paper": {"train.lr": {"low": 0, "high": 1, "log": True}}}, "begins above 0"),
        ({"paper": {"train.lr": {"low": 0.1, "high": 1.0, "step": 2}}}, "unknown key"),
        ({"paper": {"train.recipe": ["paper"]}}, "train.recipe cannot be searched"),
        ({"paper": {"train.checkpoint_seconds": [1, 2]}}, "train.checkpoint_seconds cannot be"),
        ({"paper": {"data.image_size": [32, 64]}}, "data.image_size cannot be searched"),
        ({"paper": {"lr": [0.1]}}, "lr cannot be searched: give a key of train"),
    ],
)
def test_a_mistake_is_one_line(search: Any, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        load_experiment("demo", changes={"search": search})
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_light_augmentation_has_a_name() -> None:
    light, none = (
        load_experiment("demo", settings=[f"train.augment={name}"]).train
        for name in ("light", "none")
    )
    assert light.augment == load_experiment("demo", settings=["train.recipe=modern"]).train.augment
    assert (none.augment.rotate, light.augment.rotate) == (0.0, 5.0)
    with pytest.raises(InputError, match=r"train\.augment: write none or light, or its keys"):
        load_experiment("demo", settings=["train.augment=heavy"])
