"""What a better figure costs: parameters, training time, speed of the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.results import Figure as Metric
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.placing import label_points
from bench.report.figures.rows import Drawn, drawn, figure_of, list_in_words, measured
from bench.report.figures.style import MUTED, SMALL, empty
from bench.report.words import all_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 33


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an axis shows.

    Attributes:
        attribute: of :class:`bench.evaluate.collect.Row`.
        called: with its unit.
        better: the better end of the axis.
        mark: what stands at that end.
    """

    attribute: str
    called: str
    better: Literal["left", "right"]
    mark: str


COSTS = (
    Cost(attribute="parameters", called="parameters", better="left", mark="← smaller"),
    Cost(attribute="train_seconds", called="seconds of training", better="left", mark="← shorter"),
    Cost(
        attribute="inference_images_per_second",
        called="images answered a second",
        better="right",
        mark="faster →",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A row's place in a panel."""

    one: Drawn
    x: float
    metric: Metric


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A cost, the rows of which it is known, and those of them on the front by rising cost."""

    cost: Cost
    points: tuple[Point, ...]
    front: tuple[Point, ...]


def costs(table: Table) -> Picture | None:
    """AUC against each cost that is known of two rows at least; None where none is."""
    rows = [one for one in drawn(table) if not math.isnan(figure_of(one, table).mean)]
    panels = [panel for cost in COSTS if len((panel := _panel(cost, rows, table)).points) > 1]
    if not panels:
        return None
    head = measured(table)
    untimed = [one.label for one in rows if one.row.timed_on_several_devices]
    mixed = (
        f" Without times, since trained on several devices: {list_in_words(untimed, most=8)}."
        if untimed
        else ""
    )
    return Picture(
        name="costs",
        title=f"{head} against what it costs",
        caption=(
            f"Test {head} with its 95 % interval against "
            f"{all_of([panel.cost.called for panel in panels])} (logarithmic). The line joins the "
            "rows that no other row beats in both (Pareto front) "
            f"as far as the test figures go, which may be by chance.{mixed}"
        ),
        alt=f"Test {head} against costs. On the Pareto front "
        + ". ".join(
            f"by {panel.cost.called}: {list_in_words([point.one.label for point in panel.front])}"
            for panel in panels
        )
        + ". "
        + ". ".join(
            f"{panel.cost.called[0].upper()}{panel.cost.called[1:]}: "
            + list_in_words([f"{point.one.label} {point.x:,.0f}" for point in panel.points])
            for panel in panels
        )
        + ".",
        draw=lambda: _draw(panels, table),
    )


def pareto(costs: ArrayLike, values: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other dominates: none is as cheap and as good, and cheaper or better.

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


def _panel(cost: Cost, rows: Sequence[Drawn], table: Table) -> Panel:
    points = [
        Point(one=one, x=float(x), metric=figure_of(one, table))
        for one in rows
        # A cost of nothing has no place on a logarithmic axis.
        if (x := getattr(one.row, cost.attribute)) is not None and x > 0
    ]
    sign = 1.0 if cost.better == "left" else -1.0
    on = pareto([sign * point.x for point in points], [point.metric.mean for point in points])
    front = [point for point, is_on in zip(points, on, strict=True) if is_on]
    return Panel(
        cost=cost,
        points=tuple(points),
        front=tuple(sorted(front, key=lambda point: sign * point.x)),
    )


def _draw(panels: Sequence[Panel], table: Table) -> Figure:
    rows = {point.one.label: point.one for panel in panels for point in panel.points}
    numbers = {label: str(place) for place, label in enumerate(rows, start=1)}
    numbered = not all(one.told for one in rows.values())
    figure, grid = empty(
        height=(3.9 if numbered else 2.9) + 0.17 * -(-(len(rows) + 1) // 2),
        columns=len(panels),
        sharey=True,
    )
    keys = {}
    for axes, panel in zip(grid[0], panels, strict=True):
        # A staircase: at a cost of x, its height can be had.
        (front,) = axes.plot(
            [point.x for point in panel.front],
            [point.metric.mean for point in panel.front],
            color=MUTED,
            linewidth=1.2,
            drawstyle="steps-post",
            zorder=1,
            label="Pareto front",
        )
        for point in panel.points:
            _interval(axes, point)
            (keys[point.one.label],) = axes.plot(
                [point.x],
                [point.metric.mean],
                color=point.one.colour,
                marker=point.one.marker,
                markersize=4.5 if numbered else 6.5,
                linestyle="none",
                zorder=3,
                label=point.one.label,
            )
        _scale(axes, panel)
    grid[0, 0].set_ylabel(f"test {measured(table)}")
    figure.legend(
        [*(keys[label] for label in rows), front],
        [
            *(
                f"{numbers[x]}  {one.short(LONGEST)}" if numbered else one.short(LONGEST)
                for x, one in rows.items()
            ),
            "Pareto front",
        ],
        loc="outside lower center",
        ncols=2,
        fontsize=8.0,
        handlelength=1.4,
    )
    if numbered:
        # The axes get their size when the figure is laid out, and then keep it.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, panel in zip(grid[0], panels, strict=True):
            label_points(
                axes,
                [(point.x, point.metric.mean) for point in panel.points],
                [numbers[point.one.label] for point in panel.points],
            )
    return figure


def _interval(axes: Axes, point: Point) -> None:
    interval = point.metric.interval
    if interval is not None and not interval.reason:
        axes.plot(
            [point.x, point.x], [interval.low, interval.high], color=point.one.colour,
            linewidth=1.0, alpha=0.45, zorder=2,
        )  # fmt: skip


def _scale(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    values = [point.x for point in panel.points]
    low, high = min(values), max(values)
    # At least a decade and a half: else the noise of a second looks like a difference.
    decades = math.log10(high / low)
    room = max(0.12 * decades, (1.5 - decades) / 2.0)
    axes.set_xlim(low / 10**room, high * 10**room)
    few = decades + 2 * room <= 3.0
    axes.xaxis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 3.0) if few else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: amount(x)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(panel.cost.called)
    axes.grid(visible=True)
    axes.set_title(panel.cost.mark, fontsize=SMALL, loc=panel.cost.better)


def amount(value: float) -> str:
    """A round number for an axis: ``30``, ``3k``, ``10M``."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"
