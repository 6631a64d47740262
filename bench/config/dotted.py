"""Settings by their dotted keys (``train.lr``), as ``--set`` and reports name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"train": {"lr": 1}}`` to ``{"train.lr": 1}``; an empty mapping has no key.

    Args:
        tree: nested mappings.
        prefix: put before every key.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
