"""Settings of the command line that are texts: taken as they were typed, and not as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from bench.config.schema import Experiment
from bench.registry.datasets import DATASETS

Kind = Literal["text", "text or null", "texts"]


def kind_of_text(key: Sequence[str], *, source: str) -> Kind | None:
    """Whether a key takes a text or a path, or a list of texts; None for any other.

    Args:
        key: the steps of a dotted key, such as ``("data", "options", "label_column")``.
        source: the experiment's data source, whose options ``data.options`` are.
    """
    model: type[BaseModel] | None = Experiment
    if tuple(key[:2]) == ("data", "options"):
        key, model = key[2:], None
        if source in {entry.name for entry in DATASETS}:
            model = DATASETS.get(source).options_model
    for step in key[:-1]:
        field = None if model is None else model.model_fields.get(step)
        inner = _plain(field.annotation) if field else None
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    field = model.model_fields.get(key[-1]) if model is not None and key else None
    annotation = _plain(field.annotation) if field else None
    if annotation in (str, Path):
        optional = field is not None and _plain(field.annotation) is not field.annotation
        return "text or null" if optional else "text"
    is_list = get_origin(annotation) is tuple and _plain(get_args(annotation)[0]) is str
    return "texts" if is_list else None


def _plain(annotation: Any) -> Any:
    """A type without its constraints and without None."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _plain(kinds[0]) if len(kinds) == 1 else annotation
    return annotation
