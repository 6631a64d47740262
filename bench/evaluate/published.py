"""Published figures for the same question, to be shown beside a table and never in it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

import bench
from bench.errors import InputError

Text = Annotated[str, Field(min_length=1)]


class PublishedFigure(BaseModel):
    """A figure that others published.

    Attributes:
        task, source: as this harness calls them.
        split: in words, or as this harness calls it.
        method: what reached it.
        metric: as this harness calls it.
        value: in [0, 1].
        other: further figures as they were published; "" where there are none.
        images: how many it was measured on; None where that is not stated.
        comparable: with the figures of this harness on the same task and source.
        why: what speaks for and against that.
        citation: who published it.
        taken_from: where it was read.
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
    """The published figures for a data source and a task, in the order of the file.

    Raises:
        InputError: the file is gone or wrong.
    """
    every = read_published(published_file())
    return tuple(figure for figure in every if (figure.source, figure.task) == (source, task))


def read_published(path: Path) -> list[PublishedFigure]:
    """All published figures of a file.

    Args:
        path: a CSV whose columns are the attributes of :class:`PublishedFigure`.

    Raises:
        InputError: it is gone, or a line of it is wrong, which is named.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return TypeAdapter(list[PublishedFigure]).validate_python(
                [*csv.DictReader(file, strict=True)]
            )
    except ValidationError as error:
        wrong = error.errors()[0]
        entry, *field = wrong["loc"]
        reason = f"entry {int(entry) + 1}: {': '.join(map(str, [*field, wrong['msg']]))}"
    except (OSError, ValueError, csv.Error) as error:
        reason = f"it cannot be read: {error}"
    raise InputError(f"published figures {str(path)!r}: {reason}")
