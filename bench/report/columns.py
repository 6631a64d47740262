"""A table of typed cells, which every renderer walks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.evaluate.ensemble import Ensemble
from bench.evaluate.estimate import Interval
from bench.evaluate.external import ExternalRow
from bench.evaluate.results import Row
from bench.report import formatting as fmt

Kind = Literal["name", "number", "text"]


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """A cell of a table.

    Attributes:
        detail: a second, quieter text: the interval of a figure, ``one run`` of a verdict.
        value: what it is sorted by; None sorts last.
        low, high: the ends of the interval; both NaN where there is none.
        bold: whether it is the best of its column, and the only one as good.
        mark: a sign behind its text, which the glossary explains.
    """

    text: str
    detail: str = ""
    value: float | str | None = None
    low: float = math.nan
    high: float = math.nan
    bold: bool = False
    mark: str = ""

    @property
    def sort_key(self) -> str:
        """Value that a page sorts by; "" for a missing value, which sorts last."""
        missing = self.value is None or (isinstance(self.value, float) and math.isnan(self.value))
        return "" if missing else str(self.value)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        key: what it holds: a measure's name, ``difference``, ``parameters``.
        kind: ``name`` (one of the first columns, which name the row), ``number`` or ``text``.
    """

    key: str
    head: str
    kind: Kind
    cells: Sequence[TableCell]

    @property
    def align(self) -> Literal["left", "right"]:
        """Numbers stand on the right."""
        return "right" if self.kind == "number" else "left"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table of a report, with what must be known to read it.

    Attributes:
        id: ``comparison``, ``ensembles``, ``threshold``, ``operating``, ``calibration``,
            ``averages``, ``tuning``, ``finding-auc`` …, ``heat-maps``, ``heat-map-findings``,
            ``published``, ``parts``, ``external``.
        rows: the table rows that its lines are of; empty where they are of something else.
        notes: sentences on this table alone; words and marks are in the glossary.
    """

    id: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row] = ()
    notes: Sequence[str] = ()


NONE = TableCell(text=fmt.MISSING)
UNDEFINED = TableCell(text=fmt.UNDEFINED)


def column(key: str, head: str, found: Iterable[TableCell], *, kind: Kind = "number") -> Column:
    """A column of cells that are there."""
    return Column(key=key, head=head, kind=kind, cells=tuple(found))


def texts(
    key: str, head: str, values: Iterable[str], *, kind: Literal["name", "text"] = "text"
) -> Column:
    """A column of texts; an empty one is shown as missing and sorts last."""
    return column(
        key,
        head,
        (TableCell(text=text, value=text) if text else NONE for text in values),
        kind=kind,
    )


def names(rows: Sequence[Row | Ensemble | ExternalRow], models: Iterable[str]) -> list[Column]:
    """The columns that name a row; ``settings`` only where a row shows some."""
    settings = [row.settings for row in rows]
    return [
        texts("model", "model", models, kind="name"),
        texts("loss", "loss", [row.loss for row in rows], kind="name"),
        *([texts("settings", "settings", settings, kind="name")] if any(settings) else []),
        texts("weights", "weights", [row.weights for row in rows], kind="name"),
    ]


def numbers(key: str, head: str, found: Iterable[tuple[str, float | None]]) -> Column:
    """A column of numbers, each with the text that is shown and the value to sort by."""
    return column(key, head, (TableCell(text=text, value=value) for text, value in found))


def counts(name: str, values: Iterable[int | None], *, missing: str = "unknown") -> Column:
    """A column of whole numbers, named as it is keyed."""
    found = (
        TableCell(text=missing) if value is None else TableCell(text=f"{value:,}", value=value)
        for value in values
    )
    return column(name, name, found)


def measured(value: Interval | None, *, decimals: int = fmt.DECIMALS) -> TableCell:
    """A figure with its deviation over the seeds, where it has one, and its interval."""
    if value is None or math.isnan(value.value):
        return UNDEFINED
    return TableCell(
        text=fmt.figure(value, decimals=decimals),
        detail=fmt.interval(value, decimals=decimals),
        value=value.value,
        low=value.low,
        high=value.high,
    )


def difference(value: Interval) -> TableCell:
    """A difference with its sign and its interval."""
    return TableCell(
        text=fmt.difference(value.value),
        detail=fmt.difference_interval(value),
        value=value.value,
        low=value.low,
        high=value.high,
    )
