"""The measure that sorts the table against costs: parameters, training time, inference speed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from bench.evaluate.measures import leading_head
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows
from bench.report.figures.style import MUTED, SMALL, empty_figure
from bench.report.formatting import all_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


def costs(table: Table) -> Picture | None:
    """The measure against each cost that is known of at least two rows; None without any."""
    rows = [row for row in plotted_rows(table) if not math.isnan(row.score.value)]
    # The axes are logarithmic, so that they have no zero.
    known = {cost: [row for row in rows if cost.of(row) > 0] for cost in COSTS}
    panels = {cost: shown for cost, shown in known.items() if len(shown) > 1}
    if not panels:
        return None
    head = leading_head(table.outputs)
    alt: dict[str, list[str]] = {}
    for cost, shown in panels.items():
        front = _front(cost, shown)
        for row in shown:
            best = " (Pareto front)" if row in front else ""
            alt.setdefault(row.label, []).append(f"{cost.title} {cost.of(row):,.0f}{best}")
    return make_picture(
        "costs",
        title=f"{head} against costs",
        alt={label: ", ".join(texts) for label, texts in alt.items()},
        plot=lambda: _plot(panels, f"test {head}"),
        head=head,
        axes=all_of([cost.title for cost in panels]),
        untimed=[row.label for row in rows if row.row.timed_on_several_devices],
    )


def pareto_front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Pairs of cost and value that no other pair is as cheap and as good as, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((cost, value))
    return front


def _front(cost: CostAxis, rows: Sequence[PlottedRow]) -> list[PlottedRow]:
    """The rows on the Pareto front, the cheapest first."""
    sign = 1.0 if cost.better == "left" else -1.0
    points = {row.label: (sign * cost.of(row), row.score.value) for row in rows}
    front = pareto_front(points.values())
    on_it = [row for row in rows if points[row.label] in front]
    return sorted(on_it, key=lambda row: points[row.label])


def _plot(panels: Mapping[CostAxis, Sequence[PlottedRow]], y_label: str) -> Figure:
    rows = list({row.label: row for shown in panels.values() for row in shown}.values())
    names = {row.label: textwrap.fill(row.label, 44) for row in rows}
    numbers: dict[str, str] = {}
    if not all(row.highlighted for row in rows):
        # Rows without a look of their own are told apart by numbers.
        numbers = {row.label: str(number) for number, row in enumerate(rows, start=1)}
        names = {label: f"{numbers[label]}  {name}" for label, name in names.items()}
    height = (3.9 if numbers else 2.9) + 0.17 * -(-(len(rows) + 1) // 2)
    figure, (grid,) = empty_figure(height=height, ncols=len(panels), sharey=True)
    handles: dict[str, Artist] = {}
    for axes, (cost, shown) in zip(grid, panels.items(), strict=True):
        _plot_panel(axes, cost, shown, numbers)
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
    return figure


def _plot_panel(
    axes: Axes, cost: CostAxis, rows: Sequence[PlottedRow], numbers: Mapping[str, str]
) -> None:
    front = _front(cost, rows)
    axes.plot(
        [cost.of(row) for row in front],
        [row.score.value for row in front],
        color=MUTED, linewidth=1.2, drawstyle="steps-post", zorder=1, label="Pareto front",
    )  # fmt: skip
    for row in rows:
        x, score = cost.of(row), row.score
        if score.has_interval:
            axes.vlines(x, score.low, score.high, color=row.colour, linewidth=1.0, alpha=0.45)
        axes.plot(
            [x], [score.value], color=row.colour, marker=row.marker, markersize=5.5,
            linestyle="none", zorder=3, label=row.label,
        )  # fmt: skip
        if numbers:
            axes.annotate(
                numbers[row.label], (x, score.value), xytext=(4, 3), textcoords="offset points",
                fontsize=SMALL,
            )  # fmt: skip
    _scale(axes, [cost.of(row) for row in rows])
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
