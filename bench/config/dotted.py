"""Settings by their dotted keys (``train.lr``), as ``--set`` and reports name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def path_of(key: str, value: object = None) -> list[str]:
    """Keys on the way to a setting: ``["train", "lr"]`` for ``train.lr``.

    Names of timm's networks can hold a dot. What follows the last one is an option
    (``model.options.timm:resnet18.a1_in1k.drop_rate``), unless all options are set at once.

    Args:
        value: that is set; a mapping sets all options of a model.
    """
    options = "model.options."
    rest = key.removeprefix(options)
    if not key.startswith(f"{options}timm:") or "." not in rest:
        return key.split(".")
    name, _, option = rest.rpartition(".")
    return ["model", "options", *([rest] if isinstance(value, dict) else [name, option])]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"train": {"lr": 1}}`` to ``{"train.lr": 1}``; an empty mapping has no key.

    The prefix, with its dot, is put before every key.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
