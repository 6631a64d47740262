"""The measure that sorts the table, with its interval, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.evaluate.measures import leading
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.rows import (
    Drawn,
    drawn,
    figure_of,
    in_words,
    list_in_words,
    measured,
)
from bench.report.figures.style import INK, MUTED, SERIES, SMALL, empty
from bench.report.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 44


def intervals(table: Table) -> Picture | None:
    """Each row as a dot with its 95 % interval; None where no row has the measure."""
    rows = [one for one in drawn(table) if figure_of(one, table).mean == figure_of(one, table).mean]
    if not rows:
        return None
    head = measured(table)
    without = sum(not row.runs for row in table.rows)
    missing = f" {many(without, 'row')} without a finished run left out." if without else ""
    reference = next((one for one in rows if one.reference), None)
    line = f" The line is the reference, {reference.label}." if reference else ""
    return Picture(
        name="intervals",
        title=f"{head} with 95 % intervals",
        caption=(
            f"Test {head} of each row, the mean over its seeds (small marks), with the interval "
            f"for other patients and seeds.{line} Dashed: the best control, which sees no lungs. "
            "Intervals of two rows may overlap and the rows still differ: the test of the "
            f"difference is in the table.{missing}"
        ),
        alt=f"Test {head} and 95 % interval of each row: "
        + list_in_words([f"{one.label} {in_words(figure_of(one, table))}" for one in rows])
        + ".",
        draw=lambda: _draw(table, rows),
    )


def _draw(table: Table, rows: list[Drawn]) -> Figure:
    # Controls stand apart, below.
    ordered = [one for one in rows if not one.control] + [one for one in rows if one.control]
    figure, grid = empty(height=0.75 + 0.27 * len(ordered))
    axes = grid[0, 0]
    ys = []
    for place, one in enumerate(ordered):
        apart = one.control and not ordered[0].control
        ys.append(place + (0.5 if apart else 0.0))
        _row(axes, one, table, ys[-1])
    _lines(axes, rows, table)
    axes.set_yticks(ys, [one.short(LONGEST) for one in ordered])
    for tick, one in zip(axes.get_yticklabels(), ordered, strict=True):
        tick.set_fontweight("bold" if one.reference else "normal")
    axes.set_ylim(ys[-1] + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(f"test {measured(table)}, 95 % interval")
    return figure


def _row(axes: Axes, one: Drawn, table: Table, y: float) -> None:
    figure = figure_of(one, table)
    colour = MUTED if one.control else SERIES[0]
    interval = figure.interval
    if interval is not None and not interval.reason:
        axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=2.0, alpha=0.55)
    axes.plot(
        [figure.mean], [y], color=colour, marker="D" if one.reference else "o", markersize=5.5
    )
    values = [scores.figures[leading(table.outputs)].value for scores in one.row.scores]
    if len(values) > 1:
        axes.plot(
            values, [y + 0.28] * len(values), color=colour, marker="|", markersize=4,
            markeredgewidth=0.9, linestyle="none",
        )  # fmt: skip
    axes.annotate(
        in_words(figure), (1.01, y), xycoords=("axes fraction", "data"), va="center",
        fontsize=SMALL, color=MUTED if one.control else INK, annotation_clip=False,
    )  # fmt: skip


def _lines(axes: Axes, rows: list[Drawn], table: Table) -> None:
    for one in rows:
        if one.reference:
            axes.axvline(figure_of(one, table).mean, color=SERIES[0], linewidth=0.9, zorder=0.5)
    for _, best in table.best_controls.values():
        axes.axvline(best, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)), zorder=0.5)
