"""Recipes: settings of a training that belong together, under one name.

``paper`` is that of Xu (2019): SGD, and a learning rate that is divided at plateaus. ``modern`` is
how networks are fine-tuned today: AdamW, warm-up, a cosine, decay of weights and by layers, light
augmentation. Its values are ours, starting points that were tuned on no data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Recipe = Literal["paper", "modern"]

AUGMENTATIONS: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "light": {"shift": 0.05, "rotate": 5.0, "scale": 0.1, "contrast": 0.1},
}
RECIPES: Mapping[Recipe, Mapping[str, Any]] = {
    "paper": {},
    "modern": {
        "optimizer": "adamw",
        "lr": 3e-4,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup": 0.1,
        "layer_decay": 0.75,
        "clip": 1.0,
        "augment": AUGMENTATIONS["light"],
    },
}
# What a recipe decides, whether it sets a value or leaves the default.
DECIDED = (*RECIPES["modern"], "momentum", "nesterov", "ema")


def filled_in(train: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training, with what its recipe says where they say nothing."""
    recipe = train.get("recipe")
    values = next((values for name, values in RECIPES.items() if name == recipe), {})
    return {**values, **train}


def switched(train: Mapping[str, Any], recipe: object) -> dict[str, Any]:
    """Settings of a training that starts from another recipe.

    What the recipes decide is taken from the new one: a learning rate that suits SGD does not suit
    AdamW. Where it is the recipe already, nothing changes.
    """
    if train.get("recipe", "paper") == recipe:
        return dict(train)
    kept = {key: value for key, value in train.items() if key not in DECIDED}
    return {**kept, "recipe": recipe}
