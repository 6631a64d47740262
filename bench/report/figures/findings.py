"""The AUC of rows and findings as coloured cells."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select
from bench.report.figures.style import INK, MUTED, SMALL, empty_figure
from bench.report.formatting import UNDEFINED
from bench.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 24
CHANCE = 0.5
# Beyond 1, where the colour would hide the numbers.
FULL_COLOUR = 1.5


def findings(table: Table) -> Picture | None:
    """AUC of rows and findings; None for a two-class task, or without a finished run."""
    rows = plotted_rows(table)
    if table.outputs.binary or not rows:
        return None
    shown = select(rows, ROWS)
    return make_picture(
        "findings",
        title="AUC of each finding",
        alt={
            row.label: ", ".join(
                f"{printable(name)} {_text(auc)}"
                for name, auc in zip(table.outputs.classes, _aucs(row), strict=True)
            )
            for row in shown
        },
        limit=4,
        plot=lambda: _plot(table, shown),
        rows_omitted=[row.label for row in rows if row not in shown],
    )


def _aucs(row: PlottedRow) -> list[float]:
    return [figures["auc"].value for figures in row.row.findings.values()]


def _text(auc: float) -> str:
    return UNDEFINED if math.isnan(auc) else f"{auc:.2f}"


def _plot(table: Table, rows: Sequence[PlottedRow]) -> Figure:
    aucs = np.array([_aucs(row) for row in rows])
    figure, ((axes,),) = empty_figure(height=1.5 + 0.28 * len(rows))
    axes.pcolormesh(aucs, cmap="Blues", vmin=CHANCE, vmax=FULL_COLOUR, edgecolors="w", linewidth=1)
    for (y, x), auc in np.ndenumerate(aucs):
        axes.text(x + 0.5, y + 0.5, _text(auc), ha="center", va="center", fontsize=SMALL)
    counts = table.data.parts["test"].classes
    axes.set_xticks(
        [x + 0.5 for x in range(len(table.outputs.classes))],
        [f"{printable(name)[:20]} ({counts[name]:,})" for name in table.outputs.classes],
        rotation=45, ha="left", rotation_mode="anchor", fontsize=SMALL,
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.set_yticks(
        [y + 0.5 for y in range(len(rows))],
        [textwrap.fill(row.label, 34) for row in rows],
        fontsize=SMALL,
    )
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set(fontweight=row.weight, color=MUTED if row.control else INK)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
