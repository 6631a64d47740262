"""Published figures for the same question, to be shown beside a table and never in it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

import bench

Text = Annotated[str, Field(min_length=1)]


class PublishedFigure(BaseModel):
    """A figure that others published.

    Attributes:
        other: further figures as they were published; "" where there are none.
        images: how many it was measured on; None where that is not stated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    task: Text
    source: Text
    split: Text
    method: Text
    metric: Text
    value: Annotated[float, Field(ge=0.0, le=1.0)]
    other: str
    images: int | None
    comparable: Literal["yes", "no", "partly"]
    why: Text
    citation: Text
    taken_from: Text

    @field_validator("images", mode="before")
    @classmethod
    def _not_stated(cls, text: Any) -> Any:
        return None if text == "" else text


def published_file() -> Path:
    """``results/reference.csv`` of a checkout, or its copy in an installed wheel."""
    package = Path(bench.__file__).parent
    installed = package / "shipped_reference.csv"
    return installed if installed.is_file() else package.parent / "results" / "reference.csv"


def published_for(*, source: str, task: str) -> tuple[PublishedFigure, ...]:
    """The published figures for a data source and a task, in the order of the file."""
    every = read_published()
    return tuple(figure for figure in every if (figure.source, figure.task) == (source, task))


def read_published() -> list[PublishedFigure]:
    """All published figures: a line each, whose columns are the attributes."""
    with published_file().open(encoding="utf-8", newline="") as file:
        return TypeAdapter(list[PublishedFigure]).validate_python([*csv.DictReader(file)])
