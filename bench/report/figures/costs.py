"""The measure that sorts the table against costs: parameters, training time, inference speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, measure_name, plotted_rows
from bench.report.figures.style import INK, MUTED, SMALL, empty_figure
from bench.report.formatting import all_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL = 33


class CostAxis(NamedTuple):
    """An axis: an attribute of a row, its label, the better end, and the text at that end."""

    attribute: str
    title: str
    better: Literal["left", "right"]
    hint: str

    def of(self, row: PlottedRow) -> float:
        """The cost of a row; 0 where it is unknown."""
        return float(getattr(row.row, self.attribute) or 0.0)


COSTS = (
    CostAxis("parameters", "parameters", "left", "← smaller"),
    CostAxis("train_seconds", "training time (s)", "left", "← shorter"),
    CostAxis("inference_images_per_second", "inference (images/s)", "right", "faster →"),
)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A cost against the measure.

    Attributes:
        cost: the axis.
        rows: those whose cost is known; the axis is logarithmic, so that it has no zero.
        front: the rows on the Pareto front, the cheapest first.
    """

    cost: CostAxis
    rows: list[PlottedRow]
    front: list[PlottedRow]


def costs(table: Table) -> Picture | None:
    """The measure against each cost that is known of at least two rows; None without any."""
    rows = [row for row in plotted_rows(table) if not math.isnan(row.score.value)]
    panels = [panel for cost in COSTS if len((panel := _panel(cost, rows)).rows) > 1]
    if not panels:
        return None
    measure = measure_name(table)
    alt: dict[str, list[str]] = {}
    for panel in panels:
        for row in panel.rows:
            best = " (Pareto front)" if row in panel.front else ""
            text = f"{panel.cost.title} {panel.cost.of(row):,.0f}{best}"
            alt.setdefault(row.label, []).append(text)
    return make_picture(
        "costs",
        title=f"{measure} against costs",
        alt={label: ", ".join(texts) for label, texts in alt.items()},
        plot=lambda: _plot(panels, f"test {measure}"),
        measure=measure,
        axes=all_of([panel.cost.title for panel in panels]),
        untimed=[row.label for row in rows if row.row.timed_on_several_devices],
    )


def pareto_front(costs: ArrayLike, values: ArrayLike) -> NDArray[np.bool_]:
    """Points that no other point dominates: none is as cheap and as good, and cheaper or better.

    Args:
        costs: (n,); less is better.
        values: (n,); more is better.

    Returns:
        (n,). Of equal points either all or none are on the front.
    """
    cost, value = np.asarray(costs, np.float64), np.asarray(values, np.float64)
    no_worse = (cost[None, :] <= cost[:, None]) & (value[None, :] >= value[:, None])
    better = (cost[None, :] < cost[:, None]) | (value[None, :] > value[:, None])
    return np.asarray(~(no_worse & better).any(axis=1))


def _panel(cost: CostAxis, rows: Sequence[PlottedRow]) -> Panel:
    sign = 1.0 if cost.better == "left" else -1.0
    known = sorted((row for row in rows if cost.of(row) > 0), key=lambda row: sign * cost.of(row))
    best = pareto_front([sign * cost.of(row) for row in known], [row.score.value for row in known])
    return Panel(
        cost=cost,
        rows=[row for row in rows if cost.of(row) > 0],
        front=[row for row, is_best in zip(known, best, strict=True) if is_best],
    )


def _plot(panels: Sequence[Panel], y_label: str) -> Figure:
    rows = list({row.label: row for panel in panels for row in panel.rows}.values())
    names = {row.label: row.short(LABEL) for row in rows}
    # Rows without a look of their own are told apart by numbers.
    numbers = {row.label: str(n) for n, row in enumerate(rows, start=1)}
    numbered = not all(row.highlighted for row in rows)
    if numbered:
        names = {label: f"{numbers[label]}  {name}" for label, name in names.items()}
    height = (3.9 if numbered else 2.9) + 0.17 * -(-(len(rows) + 1) // 2)
    figure, (grid,) = empty_figure(height=height, columns=len(panels), sharey=True)
    handles: dict[str, Artist] = {}
    for axes, panel in zip(grid, panels, strict=True):
        _plot_panel(axes, panel, markersize=4.5 if numbered else 6.5)
        handles |= {str(line.get_label()): line for line in axes.get_lines()}
    grid[0].set_ylabel(y_label)
    figure.legend(
        [handles[label] for label in [*names, "Pareto front"]],
        [*names.values(), "Pareto front"],
        loc="outside lower center",
        ncols=2,
        fontsize=8.0,
        handlelength=1.4,
    )
    if numbered:
        # Labels are placed in pixels: the layout must be final.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, panel in zip(grid, panels, strict=True):
            points = [(panel.cost.of(row), row.score.value) for row in panel.rows]
            label_points(axes, points, [numbers[row.label] for row in panel.rows])
    return figure


def _plot_panel(axes: Axes, panel: Panel, *, markersize: float) -> None:
    cost = panel.cost
    axes.plot(
        [cost.of(row) for row in panel.front],
        [row.score.value for row in panel.front],
        color=MUTED, linewidth=1.2, drawstyle="steps-post", zorder=1, label="Pareto front",
    )  # fmt: skip
    for row in panel.rows:
        x, score = cost.of(row), row.score
        if score.has_interval:
            axes.vlines(x, score.low, score.high, color=row.colour, linewidth=1.0, alpha=0.45)
        axes.plot(
            [x], [score.value], color=row.colour, marker=row.marker, markersize=markersize,
            linestyle="none", zorder=3, label=row.label,
        )  # fmt: skip
    _scale(axes, [cost.of(row) for row in panel.rows])
    axes.set_xlabel(cost.title)
    axes.grid(visible=True)
    axes.set_title(cost.hint, fontsize=SMALL, loc=cost.better)


def _scale(axes: Axes, xs: Sequence[float]) -> None:
    """A logarithmic axis of at least a decade and a half: less would magnify noise."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = min(xs), max(xs)
    decades = math.log10(high / low)
    room = max(0.12 * decades, (1.5 - decades) / 2.0)
    axes.set_xlim(low / 10**room, high * 10**room)
    few = decades + 2 * room <= 3.0
    axes.xaxis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 3.0) if few else (1.0,)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_locator(NullLocator())


def label_points(axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write short labels beside points, each at the nearest free position.

    Args:
        axes: with final limits and size.
        points: in data coordinates.
        labels: a few letters each.
    """
    from matplotlib.transforms import Bbox

    pixels = axes.figure.dpi / 72.0
    centres = axes.transData.transform(points) / pixels
    taken = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in centres]
    left, bottom, right, top = np.array(axes.bbox.extents) / pixels
    turns = np.linspace(0.0, 2.0 * math.pi, 12, endpoint=False) + math.pi / 6.0
    offsets = [
        (radius * math.cos(turn), radius * math.sin(turn))
        for radius in range(8, 60, 5)
        for turn in turns
    ]
    for label, point, (x, y) in zip(labels, points, centres, strict=True):
        width, height = 0.7 * SMALL * len(label) + 1.0, SMALL + 2.0
        for dx, dy in offsets:
            box = Bbox.from_bounds(x + dx - width / 2, y + dy - height / 2, width, height)
            inside = left < box.x0 and box.x1 < right and bottom < box.y0 and box.y1 < top
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
        axes.annotate(
            label, point, xytext=(dx, dy), textcoords="offset points", ha="center", va="center",
            fontsize=SMALL, color=INK, zorder=5,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0}
            if math.hypot(dx, dy) > 9.0
            else None,
        )  # fmt: skip
