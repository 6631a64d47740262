"""Rows of a table in figures: which are shown, and how they look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.evaluate.estimate import Figure
from bench.evaluate.measures import leading
from bench.evaluate.results import Row, Table
from bench.report.figures.style import DASHED, LINES, MARKERS, MUTED, SERIES
from bench.report.formatting import number


@dataclass(frozen=True, kw_only=True)
class PlottedRow:
    """A row of a table, as every figure draws it.

    Attributes:
        row: has at least one finished run.
        highlighted: whether it has a colour, a marker and a line of its own. Controls have none;
            in a table of more rows than colours only the reference and the best row have.
        colour, marker, line: gray where the row is not highlighted.
        best_control: whether it is the best control of its share of the training part.
    """

    row: Row
    score: Figure
    highlighted: bool
    colour: str
    marker: str
    line: Any
    best_control: bool

    @property
    def label(self) -> str:
        """Name that differs from those of all other rows."""
        return self.row.label

    @property
    def control(self) -> bool:
        """Whether the row is a control."""
        return self.row.kind == "control"

    @property
    def weight(self) -> str:
        """Font weight of the label: the reference is bold."""
        return "bold" if self.row.is_reference else "normal"


def plotted_rows(table: Table) -> list[PlottedRow]:
    """The rows with a finished run, in the order of the table."""
    rows = [row for row in table.rows if row.runs]
    looks = {position: look for look, position in enumerate(_highlighted(rows))}
    plotted = []
    for position, row in enumerate(rows):
        look = looks.get(position)
        best = table.best_controls.get(row.train_share)
        plotted.append(
            PlottedRow(
                row=row,
                score=row.figures[leading(table.outputs)],
                highlighted=look is not None,
                colour=MUTED if look is None else SERIES[look],
                marker="o" if look is None else MARKERS[look],
                line=LINES[look] if look is not None else DASHED if row.kind == "control" else "-",
                best_control=row.kind == "control" and best is not None and row.model == best.name,
            )
        )
    return plotted


def _highlighted(rows: Sequence[Row]) -> list[int]:
    """Positions of the highlighted rows; the reference comes first and looks always the same."""
    positions = [position for position, row in enumerate(rows) if row.kind != "control"]
    positions.sort(key=lambda position: not rows[position].is_reference)
    if len(positions) <= len(SERIES):
        return positions
    # A row that covers only some of the test images does not compete for the best.
    best = min(positions, key=lambda position: (rows[position].answered is not None, position))
    first = [positions[0]] if rows[positions[0]].is_reference else []
    return list(dict.fromkeys([*first, best]))


def select(rows: Sequence[PlottedRow], limit: int) -> list[PlottedRow]:
    """At most so many rows, in their order.

    The reference is kept first, then networks and imported predictions, then the best control,
    then other controls; among equals the first of the table.
    """
    first = sorted(
        rows, key=lambda row: (not row.row.is_reference, row.control, not row.best_control)
    )
    kept = {row.label for row in first[:limit]}
    return [row for row in rows if row.label in kept]


def with_interval(figure: Figure) -> str:
    """``0.812 (0.801 to 0.823)``, ``0.812`` without an interval, ``n/a`` where undefined."""
    if math.isnan(figure.value) or not figure.has_interval:
        return number(figure.value)
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
