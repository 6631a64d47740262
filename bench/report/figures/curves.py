"""ROC and precision-recall curves: of a two-class task, and of each finding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from bench.evaluate.measures import SPECIFICITIES
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select, with_interval
from bench.report.figures.style import INK, MUTED, RULE, SMALL, empty_figure, square_panels
from bench.report.formatting import count
from bench.text import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL, FINDING = 30, 24


class CurveKind(NamedTuple):
    """Differences between the two kinds of curves.

    Attributes:
        name: in :class:`bench.evaluate.curves.Curves`; stem of the pictures' names.
        title: of the picture.
        measure, head: the area below the curve: its key, and its name in tables.
        x, y: labels of the axes.
        drawstyle: how matplotlib joins the points.
    """

    name: Literal["roc", "precision_recall"]
    title: str
    measure: str
    head: str
    x: str
    y: str
    drawstyle: Literal["default", "steps-pre"]


ROC = CurveKind("roc", "ROC curves", "auc", "AUC", "1 − specificity", "sensitivity", "default")
PRECISION_RECALL = CurveKind(
    "precision_recall", "Precision-recall curves", "average_precision", "AP",
    "recall (sensitivity)", "precision", "steps-pre",
)  # fmt: skip


def curves(table: Table, kind: CurveKind) -> Picture | None:
    """The curve of every run of a two-class task; None for others, or where there is none."""
    if not table.outputs.binary:
        return None
    negative, positive = table.outputs.classes
    every = plotted_rows(table)
    rows = [
        row
        for row in every
        if (not row.control or row.best_control)
        and any(positive in run.curves for run in row.row.runs)
    ]
    if not rows:
        return None
    networks = [row for row in rows if not row.control]
    highlighted = [row.label for row in networks if row.highlighted]
    about = (
        {"negative": negative}
        if kind is ROC
        else {"positive": positive, "prevalence": _prevalence(table, positive)}
    )
    return make_picture(
        kind.name,
        title=kind.title,
        alt={row.label: _numbers(kind, row) for row in rows},
        plot=lambda: _plot_overall(kind, table, rows),
        highlighted=highlighted if len(highlighted) < len(networks) else [],
        controls_omitted=sum(row.control for row in every) > sum(row.control for row in rows),
        **about,
    )


def _numbers(kind: CurveKind, row: PlottedRow) -> str:
    text = f"{kind.head} {with_interval(row.row.figures[kind.measure])}"
    if kind is PRECISION_RECALL:
        return text
    sensitivity = with_interval(row.row.figures["sensitivity_at_95"])
    return f"{text}, sensitivity at 95 % specificity {sensitivity}"


def _prevalence(table: Table, name: str) -> float:
    """Share of the test images with an output, which guessing reaches as precision."""
    test = table.data.parts["test"]
    return test.classes[name] / test.images


def _plot_overall(kind: CurveKind, table: Table, rows: Sequence[PlottedRow]) -> Figure:
    from matplotlib.lines import Line2D

    positive = table.outputs.classes[1]
    figure, ((axes,),) = empty_figure(height=4.3)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=kind.x, ylabel=kind.y)
    axes.set_aspect("equal", anchor="W")
    axes.grid(visible=True)
    _plot_guessing(axes, kind, table, positive)
    # The first row lies on top.
    for row in reversed(rows):
        _plot_row(axes, row, kind=kind, output=positive)
    named = [row for row in rows if row.highlighted or row.control]
    if kind is ROC:
        _plot_operating_points(axes, named)
    figure.legend(
        [
            Line2D(
                [], [], color=row.colour, linestyle=row.line, linewidth=1.5, markersize=6,
                marker=row.marker if kind is ROC else "",
            )
            for row in named
        ],
        [
            f"{row.short(LABEL)}\n{kind.head} {row.row.figures[kind.measure].value:.3f}"
            for row in named
        ],
        loc="outside right upper",
        handlelength=3.4,
        labelspacing=0.7,
    )  # fmt: skip
    return figure


def _plot_guessing(axes: Axes, kind: CurveKind, table: Table, name: str) -> None:
    """The curve of a predictor that guesses."""
    if kind is ROC:
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1.0, zorder=1)
    else:
        axes.axhline(_prevalence(table, name), color=MUTED, linewidth=1.0, linestyle=":")


def _plot_row(axes: Axes, row: PlottedRow, *, kind: CurveKind, output: str) -> None:
    """A thin line for each seed; only the first seed of a gray row, which would hide others."""
    curves = [run.curves[output] for run in row.row.runs if output in run.curves]
    prominent = row.highlighted or row.control
    for position, curve in enumerate(curves if prominent else curves[:1]):
        axes.plot(
            *getattr(curve, kind.name).T,
            color=row.colour,
            linestyle=row.line,
            linewidth=1.5 if len(curves) == 1 and row.highlighted else 1.0,
            alpha=0.9 if prominent else 0.4,
            drawstyle=kind.drawstyle,
            label="_" if position else row.label,
            zorder=3 if row.highlighted else 2,
        )


def _plot_operating_points(axes: Axes, rows: Sequence[PlottedRow]) -> None:
    # The two lines are close, so that their labels stand on different sides.
    for specificity, side in zip(SPECIFICITIES, ("right", "left"), strict=True):
        x, percent = 1.0 - specificity, f"{100 * specificity:.0f}"
        axes.axvline(x, color=RULE, linewidth=1.0)
        axes.annotate(
            f"{percent} %", (x, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
            textcoords="offset points", ha=side, va="bottom", fontsize=SMALL, color=INK,
        )  # fmt: skip
        for row in rows:
            value = row.row.figures[f"sensitivity_at_{percent}"].value
            if not math.isnan(value):
                axes.plot([x], [value], color=row.colour, marker=row.marker, zorder=4, label="_")


def curves_by_finding(table: Table, kind: CurveKind) -> Picture | None:
    """Curves, a panel for each finding; None for two classes, or where there is none."""
    if table.outputs.binary:
        return None
    rows = plotted_rows(table)
    rows = (
        select([row for row in rows if not row.control], 2)
        + [row for row in rows if row.best_control][:1]
    )
    findings = [
        name
        for name in table.outputs.classes
        if any(name in run.curves for row in rows for run in row.row.runs)
    ]
    if not findings:
        return None
    omitted = len(table.outputs.classes) - len(findings)
    return make_picture(
        f"{kind.name}_by_finding",
        title=f"{kind.title} of each finding",
        alt={
            row.label: ", ".join(f"{printable(name)} {_area(kind, row, name)}" for name in findings)
            for row in rows
        },
        plot=lambda: _plot_by_finding(kind, table, rows, findings),
        labels=[row.label for row in rows],
        measure=kind.head,
        undefined=count(omitted, "finding") if omitted else "",
    )


def _area(kind: CurveKind, row: PlottedRow, name: str) -> str:
    value = row.row.findings[name][kind.measure].value
    return "n/a" if math.isnan(value) else f"{value:.3f}"


def _plot_by_finding(
    kind: CurveKind, table: Table, rows: Sequence[PlottedRow], findings: Sequence[str]
) -> Figure:
    figure, panels = square_panels(len(findings), x=kind.x, y=kind.y, top=0.62)
    counts = table.data.parts["test"].classes
    handles: dict[str, Artist] = {}
    for axes, name in zip(panels, findings, strict=True):
        axes.set_title(f"{printable(name)[:FINDING]} ({counts[name]:,})", fontsize=8.5)
        _plot_guessing(axes, kind, table, name)
        for row in reversed(rows):
            _plot_row(axes, row, kind=kind, output=name)
        handles |= {str(line.get_label()): line for line in axes.get_lines()}
        # Good curves leave room at the bottom right of an ROC plot, and at the top of the other.
        listed = list(reversed(rows)) if kind is ROC else list(rows)
        y, step, side = (0.05, 9, "bottom") if kind is ROC else (0.97, -9, "top")
        for line, row in enumerate(listed):
            axes.annotate(
                _area(kind, row, name), (0.97, y), xycoords="axes fraction",
                xytext=(0, step * line), textcoords="offset points", ha="right", va=side,
                fontsize=SMALL, color=row.colour,
            )  # fmt: skip
    figure.legend(
        [handles[row.label] for row in rows],
        [row.short(34) for row in rows],
        loc="upper center",
        ncols=3,
        handlelength=3.0,
    )
    return figure
