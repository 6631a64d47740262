"""Recipes: what they fill in, and what becomes of a file's settings when another one is chosen."""

from __future__ import annotations

import pytest

from bench.config import AugmentConfig, TrainConfig, expand, load_experiment
from bench.errors import InputError

MODERN = TrainConfig(recipe="modern")


def test_a_recipe_fills_in_what_is_left_out() -> None:
    assert TrainConfig() == TrainConfig(recipe="paper")
    assert (MODERN.optimizer, MODERN.schedule, MODERN.warmup) == ("adamw", "cosine", 0.1)
    own = TrainConfig(recipe="modern", lr=1e-4, augment=AugmentConfig(flip=True))
    assert own == MODERN.model_copy(update={"lr": 1e-4, "augment": AugmentConfig(flip=True)})


def test_settings_that_were_stored_are_read_as_they_are() -> None:
    plain = MODERN.model_copy(update={"optimizer": "sgd", "layer_decay": 1.0})
    assert TrainConfig.model_validate(plain.model_dump()) == plain


def test_another_recipe_replaces_what_the_file_says_of_it() -> None:
    paper = load_experiment("manifest").train
    assert paper.recipe == "paper"
    train = load_experiment("manifest", settings=["train.recipe=modern"]).train
    kept = {"max_iterations", "validate_every", "batch_size", "patience", "max_decays"}
    assert train == MODERN.model_copy(update={key: getattr(paper, key) for key in kept})
    # In whatever order they are given, other settings hold.
    for settings in (
        ["train.recipe=modern", "train.lr=0.001"],
        ["train.lr=0.001", "train.recipe=modern"],
    ):
        assert load_experiment("manifest", settings=settings).train.lr == 0.001


def test_the_same_recipe_again_changes_nothing() -> None:
    assert load_experiment("manifest", settings=["train.recipe=paper"]) == load_experiment(
        "manifest"
    )


def test_varied_recipes_are_each_whole() -> None:
    varied = load_experiment(
        "demo", settings=["vary.train.recipe=[paper, modern]", "vary.train.lr=[0.02, 0.0001]"]
    )
    assert [
        (plain.train.recipe, plain.train.optimizer, plain.train.lr) for plain in expand(varied)
    ] == [
        ("paper", "sgd", 0.02),
        ("paper", "sgd", 0.0001),
        ("modern", "adamw", 0.02),
        ("modern", "adamw", 0.0001),
    ]


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(InputError, match=r"train\.recipe"):
        load_experiment("demo", settings=["train.recipe=classic"])
