"""Values and intervals as small bars in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.evaluate.measures import leading
from bench.evaluate.results import Table
from bench.report.columns import Section

WIDTH = 120.0
# A dot at the end of a bar must not be cut.
MARGIN = 4.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The axis that the bars of a column share.

    Attributes:
        line: value of a line across all bars; None for none.
    """

    low: float
    high: float
    line: float | None = None

    @classmethod
    def around(cls, values: Iterable[float], *, line: float | None = None) -> Scale | None:
        """An axis of all values but NaN; None without any."""
        line = None if line is None or math.isnan(line) else line
        known = [value for value in values if not math.isnan(value)]
        known += [] if line is None else [line]
        if not known:
            return None
        room = 0.0 if min(known) < max(known) else 0.001
        return cls(low=min(known) - room, high=max(known) + room, line=line)

    def x(self, value: float) -> float:
        """Position of a value in a bar of ``WIDTH`` units; values beyond the axis at its ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN + (WIDTH - 2 * MARGIN) * min(max(share, 0.0), 1.0), 1)

    def holds(self, value: float) -> bool:
        """Whether the value is on the axis."""
        return self.low <= value <= self.high


def bars(table: Table, section: Section) -> dict[str, Scale]:
    """Axes for the leading measure and for the difference to the reference, by column.

    Controls are far below: on an axis that holds them, the intervals of networks would be dots.
    """
    measure = leading(table.outputs)
    reference = table.reference
    lines = {
        measure: None if reference is None else reference.figures[measure].value,
        "difference": 0.0,
    }
    networks = [row.kind != "control" for row in section.rows]
    scales = {}
    for column in section.columns:
        if column.key in lines:
            shown = zip(column.cells, networks, strict=True)
            cells = [cell for cell, network in shown if network or not any(networks)]
            values = [
                value
                for cell in cells
                for value in (cell.value, cell.low, cell.high)
                if isinstance(value, float)
            ]
            if (scale := Scale.around(values, line=lines[column.key])) is not None:
                scales[column.key] = scale
    return scales
