"""The measure that sorts the table, with its interval, row by row."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.evaluate.measures import leading
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, measure_name, plotted_rows, with_interval
from bench.report.figures.style import DASHED, INK, MUTED, SERIES, SMALL, empty_figure
from bench.report.formatting import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def intervals(table: Table) -> Picture | None:
    """Each row as a dot with its 95 % interval; None where no row has the measure."""
    rows = [row for row in plotted_rows(table) if not math.isnan(row.score.value)]
    if not rows:
        return None
    head = measure_name(table)
    unfinished = sum(not row.runs for row in table.rows)
    return make_picture(
        "intervals",
        title=f"{head} with 95 % intervals",
        alt={row.label: with_interval(row.score) for row in rows},
        plot=lambda: _plot(table, rows, head),
        head=head,
        reference=next((row.label for row in rows if row.row.is_reference), ""),
        best_control=bool(table.best_controls),
        unfinished=count(unfinished, "row") if unfinished else "",
    )


def _plot(table: Table, rows: Sequence[PlottedRow], head: str) -> Figure:
    # Controls stand apart at the bottom.
    ordered = sorted(rows, key=lambda row: row.control)
    networks = sum(not row.control for row in rows)
    heights = [y + 0.5 * (y >= networks > 0) for y in range(len(ordered))]
    figure, ((axes,),) = empty_figure(height=0.75 + 0.29 * len(ordered))
    for y, row in zip(heights, ordered, strict=True):
        _plot_row(axes, row, leading(table.outputs), y)
        if row.row.is_reference:
            axes.axvline(row.score.value, color=SERIES[0], linewidth=0.9, zorder=0.5)
    for best in table.best_controls.values():
        axes.axvline(best.value, color=MUTED, linewidth=1.0, linestyle=DASHED, zorder=0.5)
    axes.set_yticks(heights, [textwrap.fill(row.label, 44) for row in ordered], fontsize=SMALL)
    for tick, row in zip(axes.get_yticklabels(), ordered, strict=True):
        tick.set_fontweight(row.weight)
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(f"test {head}, 95 % interval")
    return figure


def _plot_row(axes: Axes, row: PlottedRow, measure: str, y: float) -> None:
    colour, score = MUTED if row.control else SERIES[0], row.score
    if score.has_interval:
        axes.plot([score.low, score.high], [y, y], color=colour, linewidth=2.0, alpha=0.55)
    marker = "D" if row.row.is_reference else "o"
    axes.plot([score.value], [y], color=colour, marker=marker, markersize=5.5)
    seeds = [run.values[measure] for run in row.row.runs]
    if len(seeds) > 1:
        axes.scatter(seeds, [y + 0.28] * len(seeds), color=colour, marker="|", s=16, linewidth=0.9)
    axes.annotate(
        with_interval(score), (1.01, y), xycoords=("axes fraction", "data"), va="center",
        fontsize=SMALL, color=MUTED if row.control else INK, annotation_clip=False,
    )  # fmt: skip
