"""The keys of an experiment: default, value and meaning of each, and what a wrong one may mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from bench.config.dotted import model_in
from bench.config.schema import Experiment
from bench.registry.datasets import DATASETS

# What other tools call our settings.
SYNONYMS = {
    "batch": "train.batch_size",
    "dataset": "data.source",
    "epochs": "train.max_iterations",
    "iterations": "train.max_iterations",
    "learning_rate": "train.lr",
    "max_epochs": "train.max_iterations",
    "max_steps": "train.max_iterations",
    "resolution": "data.image_size",
    "size": "data.image_size",
    "steps": "train.max_iterations",
    "wd": "train.weight_decay",
}


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of an experiment."""

    name: str  # dotted, such as ``train.lr``
    required: bool  # it has no default
    default: Any
    value: Any  # in an experiment; the default where none was asked about
    meaning: str  # from the schema, without its markup


def keys_of(experiment: Experiment | None = None) -> list[Key]:
    """All keys in the order of the schema; in an experiment those of its data source too."""
    if experiment is None:
        return _keys(Experiment, None)
    keys = []
    values = experiment.model_dump(mode="json")
    values["execution"] = experiment.execution.model_dump(mode="json")  # which no record holds
    for key in _keys(Experiment, values):
        keys.append(key)
        if key.name == "data.options":
            options = DATASETS.get(experiment.data.source).parse_options(experiment.data.options)
            keys += _keys(type(options), options.model_dump(mode="json"), "data.options.")
    return keys


def suggest(key: str) -> str | None:
    """The key that someone who wrote another may have meant, such as ``train.lr`` for ``lr``."""
    last = key.rpartition(".")[2].replace("-", "_").lower()
    meant = next((name for name in _names() if name.rpartition(".")[2] == last), SYNONYMS.get(last))
    return None if meant == key else meant


def unit_note(key: str) -> str:
    """A remark for someone who counted in epochs, which no key does; "" for others."""
    return " (in steps, not epochs)" if "epoch" in key else ""


@cache
def _names() -> tuple[str, ...]:
    return tuple(key.name for key in keys_of())


def _keys(model: type[BaseModel], values: Mapping[str, Any] | None, prefix: str = "") -> list[Key]:
    keys = []
    for name, field in model.model_fields.items():
        required, inner = field.is_required(), model_in(field.annotation)
        default = None if required else field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            default = default.model_dump(mode="json")
        default = list(default) if isinstance(default, tuple) else default
        value: Any = default if values is None else values[name]
        if inner is None or (value is None and not required):
            keys.append(
                Key(
                    name=f"{prefix}{name}",
                    required=required,
                    default=default,
                    value=value,
                    meaning=" ".join((field.description or "").replace("``", "").split()),
                )
            )
        if inner is not None and (values is None or value is not None):
            keys += _keys(inner, None if values is None else value, f"{prefix}{name}.")
    return keys
