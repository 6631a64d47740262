"""ROC and precision-recall curves of all rows of a two-class task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.evaluate.measures import SPECIFICITIES
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.rows import (
    Drawn,
    about_gray,
    drawn,
    in_words,
    list_in_words,
)
from bench.report.figures.style import INK, MUTED, RULE, SMALL, empty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

LONGEST = 30


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What differs between the two kinds of curves.

    Attributes:
        curve: name in :class:`bench.evaluate.run_scores.Curves`.
        measure: the area below it, by its name in :mod:`bench.evaluate.measures`.
        called: the area's head.
        x, y: what the axes are called.
        steps: how matplotlib joins the points.
    """

    curve: Literal["roc", "precision_recall"]
    measure: str
    called: str
    x: str
    y: str
    steps: Literal["default", "steps-pre"]


ROC = Kind(
    curve="roc",
    measure="auc",
    called="AUC",
    x="1 − specificity",
    y="sensitivity",
    steps="default",
)
PRECISION_RECALL = Kind(
    curve="precision_recall",
    measure="average_precision",
    called="AP",
    x="recall (sensitivity)",
    y="precision",
    steps="steps-pre",
)


def roc(table: Table) -> Picture | None:
    """The ROC curve of every run; None for other than two classes, or where no run has one."""
    rows = _with_curves(table)
    if not rows:
        return None
    return Picture(
        name="roc",
        title="ROC curves",
        caption=(
            "Sensitivity against 1 − specificity on the test part, a line for each seed; the "
            "diagonal is chance. Marks: sensitivity where at least 95 % and 90 % of the images "
            f"labelled {table.outputs.classes[0]} are called so.{_about(table, rows)}"
        ),
        alt="ROC curves. AUC and sensitivity at 95 % specificity: "
        + list_in_words([f"{one.label} {_operating(one)}" for one in rows])
        + ".",
        draw=lambda: _draw(ROC, table, rows, _operating_points),
    )


def precision_recall(table: Table) -> Picture | None:
    """The precision-recall curve of every run; None as for :func:`roc`."""
    rows = _with_curves(table)
    if not rows:
        return None
    share = prevalence(table, table.outputs.classes[1])
    return Picture(
        name="precision_recall",
        title="Precision-recall curves",
        caption=(
            "Precision against recall on the test part, a line for each seed. The dotted line is "
            f"the share of images that are {table.outputs.classes[1]}, {100 * share:.1f} %: what "
            f"guessing reaches, and what AP (the area below) must be held against."
            f"{_about(table, rows)}"
        ),
        alt=f"Precision-recall curves; {100 * share:.1f} % of the images are positive. AP: "
        + list_in_words(
            [f"{one.label} {in_words(one.row.metrics[PRECISION_RECALL.measure])}" for one in rows]
        )
        + ".",
        draw=lambda: _draw(
            PRECISION_RECALL,
            table,
            rows,
            lambda axes, _: axes.axhline(share, color=MUTED, linewidth=1.0, linestyle=":"),
        ),
    )


def prevalence(table: Table, name: str) -> float:
    """The share of the test images that have one of the outputs."""
    part = table.data["parts"]["test"]
    return float(part["classes"][name] / part["images"])


def draw_runs(axes: Axes, one: Drawn, *, kind: Kind, output: str) -> None:
    """A row's curves, a thin line for each seed; of a gray row the first, lest gray hide all.

    Args:
        axes: to draw in.
        one: the row.
        kind: of the curves.
        output: of the task.
    """
    curves = [scores.curves[output] for scores in one.row.scores if output in scores.curves]
    for place, curve in enumerate(curves if one.told or one.control else curves[:1]):
        points = getattr(curve, kind.curve)
        axes.plot(
            points[:, 0],
            points[:, 1],
            color=one.colour,
            linestyle=one.line,
            linewidth=1.5 if len(curves) == 1 and one.told else 1.0,
            alpha=0.9 if one.told or one.control else 0.4,
            drawstyle=kind.steps,
            label=one.label if place == 0 else "_",
            zorder=3 if one.told else 2,
        )


def chance(axes: Axes) -> None:
    """The ROC curve of guessing."""
    axes.plot([0, 1], [0, 1], color=RULE, linewidth=1.0, zorder=1)


def _square(axes: Axes, kind: Kind) -> None:
    """Both axes from 0 to 1, equally long."""
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal", anchor="W")
    axes.grid(visible=True)
    axes.set_xlabel(kind.x)
    axes.set_ylabel(kind.y)
    if kind is ROC:
        chance(axes)


def _with_curves(table: Table) -> list[Drawn]:
    """Those that are drawn: of the controls the best alone."""
    if not table.outputs.binary:
        return []
    name = table.outputs.classes[1]
    rows = [one for one in drawn(table) if not one.control or one.best_control]
    return [one for one in rows if any(name in scores.curves for scores in one.row.scores)]


def _about(table: Table, rows: Sequence[Drawn]) -> str:
    others = sum(one.control for one in drawn(table)) - sum(one.control for one in rows)
    controls = " Of the controls only the best is drawn, dashed and gray." if others else ""
    return about_gray(rows) + controls


def _operating(one: Drawn) -> str:
    figures = one.row.metrics
    return f"{in_words(figures['auc'])}, {in_words(figures['sensitivity_at_95'])}"


def _draw(
    kind: Kind,
    table: Table,
    rows: Sequence[Drawn],
    add: Callable[[Axes, Sequence[Drawn]], object],
) -> Figure:
    figure, grid = empty(height=4.3)
    axes = grid[0, 0]
    _square(axes, kind)
    add(axes, rows)
    # The first row lies on top.
    for one in reversed(rows):
        draw_runs(axes, one, kind=kind, output=table.outputs.classes[1])
    named = [one for one in rows if one.told or one.control]
    figure.legend(
        [_key(one, marked=kind is ROC) for one in named],
        [
            f"{one.short(LONGEST)}\n{kind.called} {one.row.metrics[kind.measure].mean:.3f}"
            for one in named
        ],
        loc="outside right upper",
        handlelength=3.4,
        labelspacing=0.7,
    )
    return figure


def _key(one: Drawn, *, marked: bool) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=one.colour,
        linestyle=one.line,
        linewidth=1.5,
        marker=one.marker if marked else "",
        markersize=6,
    )


def _operating_points(axes: Axes, rows: Sequence[Drawn]) -> None:
    # Right and left of their lines, which are close to each other.
    for specificity, side in zip(SPECIFICITIES, ("right", "left"), strict=True):
        x = 1.0 - specificity
        axes.axvline(x, color=RULE, linewidth=1.0)
        axes.annotate(
            f"{100 * specificity:.0f} %", (x, 1.0), xycoords=("data", "axes fraction"),
            xytext=(0, 2), textcoords="offset points", ha=side, va="bottom", fontsize=SMALL,
            color=INK,
        )  # fmt: skip
        for one in rows:
            value = one.row.metrics[f"sensitivity_at_{100 * specificity:.0f}"].mean
            if (one.told or one.control) and not math.isnan(value):
                axes.plot(
                    [x], [value], color=one.colour, marker=one.marker, markersize=6, zorder=4,
                    label="_",
                )  # fmt: skip
