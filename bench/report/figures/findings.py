"""The AUC of every finding, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.data.names import printable
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.rows import Drawn, drawn, left_out, list_in_words, short, some
from bench.report.figures.style import INK, MUTED, SERIES, SMALL, empty
from bench.report.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURE = "auc"
MOST = 24
# Rows whose numbers are read aloud; all of them would be hundreds.
SAID = 4
LONGEST = 30
# Full colour would leave the numbers unreadable.
PALEST, FULLEST = 0.03, 0.6
CHANCE = 0.5


def findings(table: Table) -> Picture | None:
    """A heat map of rows and findings; None for a two-class task, or where no run finished."""
    rows = drawn(table)
    if table.outputs.binary or not rows:
        return None
    shown = some(rows, most=MOST)
    classes = table.outputs.classes
    return Picture(
        name="findings",
        title="AUC of each finding",
        caption=(
            "Test AUC, the mean over the seeds; in brackets how many test images have the finding. "
            "Colour grows from 0.5, which is chance, to 1; hatched where it is undefined. With few "
            f"images a high figure means little.{left_out(rows, shown)}"
        ),
        alt="AUC of each finding. "
        + ". ".join(
            f"{one.label}: "
            + list_in_words([f"{printable(name)} {number(value(one, name))}" for name in classes])
            for one in shown[:SAID]
        )
        + f"{_more(len(shown) - SAID)}.",
        draw=lambda: _draw(table, shown),
    )


def _more(rows: int) -> str:
    return f". {many(rows, 'row')} more are in the table" if rows > 0 else ""


def value(one: Drawn, name: str) -> float:
    """NaN where it is undefined."""
    figure = one.row.findings.get(name, {}).get(MEASURE)
    return math.nan if figure is None else figure.mean


def number(of: float) -> str:
    """``0.81``, ``n/a``."""
    return "n/a" if math.isnan(of) else f"{of:.2f}"


def _draw(table: Table, rows: Sequence[Drawn]) -> Figure:
    classes = table.outputs.classes
    figure, grid = empty(height=1.5 + 0.26 * len(rows))
    axes = grid[0, 0]
    for y, one in enumerate(rows):
        for x, name in enumerate(classes):
            _cell(axes, x, y, value(one, name))
    support = table.data["parts"]["test"]["classes"]
    axes.set_xticks(
        range(len(classes)),
        [f"{short(printable(name), 20)} ({support[name]:,})" for name in classes],
        rotation=45, ha="left", rotation_mode="anchor", fontsize=SMALL,
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [one.short(LONGEST) for one in rows], fontsize=8.0)
    for tick, one in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if one.reference else "normal")
        tick.set_color(MUTED if one.control else INK)
    axes.set_xlim(-0.5, len(classes) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _cell(axes: Axes, x: int, y: int, of: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (x - 0.48, y - 0.46)
    if math.isnan(of):
        axes.add_patch(
            Rectangle(
                corner, 0.96, 0.92, facecolor="none", edgecolor=MUTED, hatch="////", linewidth=0
            )
        )
    else:
        above = min(max((of - CHANCE) / (1.0 - CHANCE), 0.0), 1.0)
        axes.add_patch(
            Rectangle(
                corner, 0.96, 0.92, facecolor=(SERIES[0], PALEST + (FULLEST - PALEST) * above),
                edgecolor="none", linewidth=0,
            )
        )  # fmt: skip
        axes.text(x, y, number(of), ha="center", va="center", fontsize=SMALL)
