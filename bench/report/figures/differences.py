"""Differences of the rows to the reference and to the best control, with their intervals."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.evaluate.estimate import Interval
from bench.evaluate.measures import leading_head
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select
from bench.report.figures.style import INK, MUTED, RULE, SERIES, SMALL, WIDTH, empty_figure
from bench.report.formatting import UNDEFINED, count, difference, difference_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"better": SERIES[2], "worse": SERIES[1]}
# A row whose interval reaches farther than this many times the usual is drawn at the edge.
FARTHEST = 4.0
# Inches that the head and the axis of a panel need.
AROUND = 0.6
# Characters that stay of the beginning of a name that is too long.
HEAD = 7


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Sizes of a drawing in inches, and how many rows it holds.

    Attributes:
        labels_above: whether a row's name stands above its interval instead of beside it.
        wrap: most letters in a line of a head.
        name: most letters in a line of a row's name.
    """

    width: float
    pitch: float
    labels_above: bool
    rows: int
    controls: int
    wrap: int
    name: int


WIDE = Layout(width=WIDTH, pitch=0.235, labels_above=False, rows=24, controls=12, wrap=38, name=44)
NARROW = Layout(width=3.4, pitch=0.26, labels_above=True, rows=8, controls=2, wrap=22, name=40)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Differences on one axis.

    Attributes:
        head: what the differences are to.
        gaps: the difference of each row; None for the row that all others are compared with, and
            a value of NaN where there is none.
        notes: the verdict on each row.
        margin: largest difference that counts as none; 0 where there is no such test.
    """

    head: str
    rows: Sequence[PlottedRow]
    gaps: Sequence[Interval | None]
    notes: Sequence[str]
    margin: float
    limits: tuple[float, float]


def differences(table: Table) -> Picture | None:
    """The differences of networks, controls in a strip of their own; None without any."""
    rows = [row for row in plotted_rows(table) if not math.isnan(row.score.value)]
    networks = [row for row in rows if not row.control]
    panels = _panels(table, networks)
    if not panels:
        return None
    unfinished = sum(not row.runs for row in table.rows)
    return make_picture(
        "differences",
        title=f"Differences of {leading_head(table.outputs)}",
        alt={row.label: _in_words(row) for row in rows},
        plot=lambda: _plot(table, rows, WIDE),
        narrow=lambda: _plot(table, rows, NARROW),
        head=leading_head(table.outputs),
        to=[panel.head.removeprefix("to ") for panel in panels],
        margin=max(panel.margin for panel in panels),
        controls=any(row.row.comparison for row in rows if row.control),
        marked=any(row.row.below_controls for row in networks),
        narrow_rows=NARROW.rows if len(networks) > NARROW.rows else 0,
        unfinished=count(unfinished, "row") if unfinished else "",
    )


def axis_limits(gaps: Sequence[Interval | None], margin: float) -> tuple[float, float]:
    """Ends of an axis that holds zero, the margin and all but far differences.

    Args:
        gaps: the differences; None and undefined ones take no room.
    """
    ends = [
        (min(gap.value, gap.low), max(gap.value, gap.high))
        if gap.low == gap.low
        else (gap.value, gap.value)
        for gap in gaps
        if gap is not None and not math.isnan(gap.value)
    ]
    reach = [max(abs(low), abs(high)) for low, high in ends]
    limit = FARTHEST * max(median(reach), margin) if reach else math.inf
    kept = [pair for pair, far in zip(ends, reach, strict=True) if far <= limit]
    low = min([-margin, *(low for low, _ in kept)], default=0.0)
    high = max([margin, *(high for _, high in kept)], default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room


def _in_words(row: PlottedRow) -> str:
    comparison, over = row.row.comparison, row.row.over_control
    texts = ["reference"] if row.row.is_reference else []
    if comparison is not None:
        texts.append(f"{_text(comparison.difference)} {comparison.verdict}")
    if over is not None:
        texts.append(f"to the control {_text(over)}")
    return ", ".join(texts)


def _text(gap: Interval) -> str:
    interval = difference_interval(gap)
    return f"{difference(gap.value)} ({interval})" if interval else difference(gap.value)


def _panels(table: Table, rows: Sequence[PlottedRow]) -> list[Panel]:
    """To the reference and to the best control, as far as there are such differences."""
    found = []
    reference = table.reference
    compared = [row.row.comparison for row in rows]
    if reference is not None and any(compared):
        gaps = [each.difference if each else None for each in compared]
        verdicts = [each.verdict if each else "reference" for each in compared]
        limits = axis_limits(gaps, table.margin)
        found.append(
            Panel(
                head=f"to {reference.label}",
                rows=rows,
                gaps=gaps,
                notes=verdicts,
                margin=table.margin,
                limits=limits,
            )
        )
    over = [row.row.over_control or Interval(value=math.nan) for row in rows]
    best = {control.name for control in table.best_controls.values()}
    is_best = reference is not None and reference.kind == "control" and best == {reference.model}
    if not is_best and any(row.row.over_control for row in rows):
        marks = ["†" if row.row.below_controls else "" for row in rows]
        head = f"control: {best.pop()}" if len(best) == 1 else "the best control"
        limits = axis_limits(over, 0.0)
        found.append(
            Panel(head=f"to {head}", rows=rows, gaps=over, notes=marks, margin=0.0, limits=limits)
        )
    return found


def _strip(table: Table, controls: Sequence[PlottedRow]) -> Panel | None:
    """The controls' differences to the reference, on an axis of their own."""
    rows = [row for row in controls if row.row.comparison is not None]
    gaps = [row.row.comparison.difference for row in rows if row.row.comparison]
    if not rows or table.reference is None:
        return None
    return Panel(
        head=f"controls, to {table.reference.label}",
        rows=rows,
        gaps=gaps,
        notes=[row.row.comparison.verdict if row.row.comparison else "" for row in rows],
        margin=0.0,
        limits=axis_limits(gaps, 0.0),
    )


def _plot(table: Table, rows: Sequence[PlottedRow], layout: Layout) -> Figure:
    networks = select([row for row in rows if not row.control], layout.rows)
    controls = select([row for row in rows if row.control], layout.controls)
    panels, strip = _panels(table, networks), _strip(table, controls)
    # A name of two lines is as high as a row.
    wrapped = not layout.labels_above and any(len(row.label) > layout.name for row in networks)
    heights = [len(networks) * layout.pitch * (1.4 if wrapped else 1.0) + AROUND]
    if strip is not None:
        heights.append(len(strip.rows) * 0.8 * layout.pitch + AROUND)
    figure, grid = empty_figure(
        width=layout.width,
        height=sum(heights),
        nrows=len(heights),
        ncols=len(panels),
        gridspec_kw={"height_ratios": heights},
    )
    for column, panel in enumerate(panels):
        draw_panel(grid[0][column], panel, layout, names=column == 0)
    if strip is not None:
        draw_panel(grid[1][0], strip, layout, names=True)
        for spare in grid[1][1:]:
            spare.remove()
    return figure


def draw_panel(axes: Axes, panel: Panel, layout: Layout, *, names: bool) -> None:
    """Draw a panel on some axes; rows are named where ``names`` says so."""
    axes.axvspan(-panel.margin, panel.margin, color=RULE, alpha=0.55, linewidth=0, zorder=0)
    axes.axvline(0.0, color=MUTED, linewidth=0.9, zorder=0.5)
    for y, (row, gap, note) in enumerate(zip(panel.rows, panel.gaps, panel.notes, strict=True)):
        colour = MUTED if row.control or note == "†" else COLOURS.get(note, SERIES[0])
        if gap is None:
            axes.plot([0.0], [y], color=colour, marker="D", markersize=5.0)
        else:
            _draw_gap(axes, gap, y, colour, panel.limits)
        if names and layout.labels_above:
            name = axes.annotate(
                _short(row.label, note, layout.name),
                (0.0, y - 0.28), xycoords=("axes fraction", "data"), fontsize=SMALL, va="bottom",
                fontweight=row.weight, annotation_clip=False,
            )  # fmt: skip
            # A long one may reach into the next panel, which must not shrink for it.
            name.set_in_layout(False)
        elif note:
            axes.annotate(
                note, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=SMALL,
                color=COLOURS.get(note, MUTED), annotation_clip=False,
            )  # fmt: skip
    axes.set_xlim(*panel.limits)
    axes.set_ylim(len(panel.rows) - 0.5, -0.9 if layout.labels_above else -0.6)
    axes.set_title(textwrap.fill(panel.head, layout.wrap), fontsize=8.5)
    labels = [textwrap.fill(row.label, layout.name) for row in panel.rows]
    shown = names and not layout.labels_above
    axes.set_yticks(range(len(labels)), labels if shown else [""] * len(labels), fontsize=SMALL)
    for tick, row in zip(axes.get_yticklabels(), panel.rows, strict=True):
        tick.set(fontweight=row.weight, color=MUTED if row.control else INK)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.locator_params(axis="x", nbins=3 if layout.labels_above else 5)
    axes.spines["left"].set_visible(False)
    # A line through a name would cross it out.
    axes.grid(visible=not layout.labels_above, axis="x")


def _short(label: str, note: str, most: int) -> str:
    """A name and what is noted of it in one line."""
    # What tells rows apart, the loss first, follows the name of the network.
    name = label if len(label) <= most else f"{label[:HEAD]}…{label[HEAD + 1 - most :]}"
    return f"{name} · {note}" if note else name


def _draw_gap(axes: Axes, gap: Interval, y: int, colour: str, limits: tuple[float, float]) -> None:
    """A dot and its interval; an arrow at the edge, with the number, where it is beyond."""
    low, high = limits
    if math.isnan(gap.value):
        axes.annotate(UNDEFINED, (0.0, y), va="center", fontsize=SMALL, color=MUTED)
        return
    if gap.low == gap.low:
        ends = [max(gap.low, low), min(gap.high, high)]
        axes.plot(ends, [y, y], color=colour, linewidth=2.0, alpha=0.55)
    if low <= gap.value <= high:
        axes.plot([gap.value], [y], color=colour, marker="o", markersize=5.0)
        return
    left = gap.value < low
    edge = low if left else high
    axes.plot([edge], [y], color=colour, marker="<" if left else ">", markersize=6, clip_on=False)
    axes.annotate(
        difference(gap.value), (edge, y), xytext=(7 if left else -7, 0),
        textcoords="offset points", ha="left" if left else "right", va="center", fontsize=SMALL,
        color=colour,
    )  # fmt: skip
