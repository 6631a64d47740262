"""Settings by their dotted keys (``train.lr``), as ``--set`` and reports name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


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


def value_at(tree: Any, path: Sequence[str]) -> Any:
    """The value at the end of a path of keys through nested mappings.

    Raises:
        KeyError: one of the keys is not there.
    """
    for key in path:
        tree = tree[key]
    return tree


def with_value(tree: Any, path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of nested mappings with one value set; mappings that are missing are made."""
    key, *rest = path
    branch = dict(tree) if isinstance(tree, dict) else {}
    branch[key] = with_value(branch.get(key), rest, value) if rest else value
    return branch


def plain(annotation: Any) -> Any:
    """A type without its constraints and without None."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return plain(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, also where it may be None; a tuple of models is a value."""
    kind = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def model_at(model: type[BaseModel] | None, path: Sequence[int | str]) -> type[BaseModel] | None:
    """The nested model at a path of keys; None where there is none."""
    for step in path:
        if isinstance(step, int):  # an entry of what a key lists
            continue
        field = model.model_fields.get(step) if model else None
        kind = plain(field.annotation) if field else None
        model = model_in(get_args(kind)[0] if get_origin(kind) is tuple else kind)
    return model
