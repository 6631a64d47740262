"""Tables for the page: cells that know what they are sorted by, and intervals as bars."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.report.grid import Grid

# Of a bar, in the units of its picture in parts.html.
WIDTH = 120.0
# Characters of a text that is not broken into lines.
SHORT = 24
# What a cell can begin with: -0.012, 1,234, <0.001.
_NUMBER = re.compile(r"<?([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)")
# Two characters that mean nothing to anyone else.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What a column's bars are drawn on.

    Attributes:
        low, high: values at the two ends.
        line: value at which a line crosses every bar; None for none.
    """

    low: float
    high: float
    line: float | None = None

    @classmethod
    def of(cls, values: Iterable[float], *, line: float | None = None) -> Scale | None:
        """Round ends around all values; None where there is none. A line at NaN is none."""
        line = None if line is None or math.isnan(line) else line
        known = [value for value in values if not math.isnan(value)]
        known += [] if line is None else [line]
        if not known:
            return None
        low, high = min(known), max(known)
        step = 10.0 ** math.floor(math.log10(max(high - low, 1e-3)))
        step = step / 2 if (high - low) / step < 4 else step
        # Rounded, a product or quotient can fall short of what it must hold.
        ends = min(low, math.floor(low / step) * step), max(high, math.ceil(high / step) * step)
        if ends[0] == ends[1]:
            ends = ends[0] - step, ends[1] + step
        return cls(low=ends[0], high=ends[1], line=line)

    def at(self, value: float) -> float:
        """Where a value lies on a bar."""
        # A bar's dot must not be cut at its ends.
        return round(4 + (WIDTH - 8) * (value - self.low) / (self.high - self.low), 1)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A value and its interval; what it says stands beside it as text.

    Attributes:
        value, low, high: places on the scale; low and high are None without an interval.
        line: place of the scale's line; None for none.
    """

    value: float
    low: float | None
    high: float | None
    line: float | None

    @classmethod
    def of(cls, scale: Scale, *, value: float, low: float, high: float) -> Bar:
        """A bar on a scale that spans its values; ends that are NaN are no interval."""
        bare = math.isnan(low) or math.isnan(high)
        return cls(
            value=scale.at(value),
            low=None if bare else scale.at(low),
            high=None if bare else scale.at(high),
            line=None if scale.line is None else scale.at(scale.line),
        )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell.

    Attributes:
        text: what it says.
        detail: more, in a second, quieter line.
        key: what it is sorted by; "" sorts last whichever way.
        bar: drawn below the text.
        mark: a class of the style sheet.
    """

    text: str
    detail: str = ""
    key: str = ""
    bar: Bar | None = None
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A column's head.

    Attributes:
        text: its name.
        number: whether its cells are numbers.
        scale: of its bars.
    """

    text: str
    number: bool = True
    scale: Scale | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table.

    Attributes:
        caption: what it shows, for those who cannot see where it stands too.
        head: of the columns; the first column names the rows.
        body: row by row.
        marks: of the rows, classes of the style sheet; empty where no row has any.
        sortable: whether its order is the reader's.
    """

    caption: str
    head: Sequence[Head]
    body: Sequence[Sequence[Cell]]
    marks: Sequence[str] = field(default=())
    sortable: bool = True


def sheet(grid: Grid, caption: str, *, sortable: bool = True) -> Sheet:
    """A table of text as one of the page.

    Args:
        grid: the table; what :func:`strong` marked is bold.
        caption: as :class:`Sheet` has it.
        sortable: as :class:`Sheet` has it.
    """
    head = [
        Head(text=text, number=side == "right")
        for text, side in zip(grid.head, grid.align, strict=True)
    ]
    body = [
        [
            _number(text) if column.number else _text(text)
            for column, text in zip(head, row, strict=True)
        ]
        for row in grid.body
    ]
    return Sheet(caption=caption, head=head, body=body, sortable=sortable)


def strong(text: str) -> str:
    """Marks what is to be bold in a table of text."""
    return f"{_OPEN}{text}{_CLOSE}"


def number_key(value: float | None) -> str:
    """The key of a number; "" where there is none."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def _text(text: str) -> Cell:
    return Cell(
        text=text,
        key="" if text == "–" else text,
        mark="" if len(text) > SHORT else "short",
    )


def _number(text: str) -> Cell:
    """A number, with its interval in a line of its own."""
    plain = text.removeprefix(_OPEN).replace(_CLOSE, "", 1)
    value, _, rest = plain.partition(" (")
    detail = rest.removesuffix(")")
    with_interval = rest.endswith(")") and ("–" in detail or " to " in detail)
    found = _NUMBER.match(plain)
    return Cell(
        text=value if with_interval else plain,
        detail=detail if with_interval else "",
        key=found[1].replace(",", "") if found else "",
        mark="best" if text.startswith(_OPEN) else "",
    )
