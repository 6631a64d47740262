"""ROC and precision-recall curves: of a two-class task, and of each finding."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from bench.evaluate.measures import RANKED
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select, with_interval
from bench.report.figures.style import MUTED, RULE, square_panels
from bench.report.formatting import count, number
from bench.text import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class CurveKind(NamedTuple):
    """Differences between the two kinds of curves.

    Attributes:
        name: in :class:`bench.evaluate.curves.Curves`; stem of the pictures' names.
        area: key of the measure that is the area below the curve.
    """

    name: Literal["roc", "precision_recall"]
    title: str
    area: str
    x: str
    y: str
    drawstyle: Literal["default", "steps-pre"]


ROC = CurveKind("roc", "ROC curves", "auc", "1 − specificity", "sensitivity", "default")
PRECISION_RECALL = CurveKind(
    "precision_recall", "Precision-recall curves", "average_precision", "recall (sensitivity)",
    "precision", "steps-pre",
)  # fmt: skip


def curves(table: Table, kind: CurveKind) -> Picture | None:
    """Curves of a two-class task, or a panel for each finding; None where there is none.

    Panels of findings are small: they show the reference, the best other row and a control.
    """
    binary = table.outputs.binary
    every = plotted_rows(table)
    rows = [row for row in every if not row.control]
    controls = [row for row in every if row.best_control]
    if not binary:
        rows, controls = select(rows, 2), controls[:1]
    rows = [row for row in [*rows, *controls] if any(run.curves for run in row.row.runs)]
    outputs = [
        name
        for name in table.outputs.classes[binary:]
        if any(name in run.curves for row in rows for run in row.row.runs)
    ]
    if not outputs:
        return None
    omitted = len(table.outputs.classes) - len(outputs)
    highlighted = [row.label for row in rows if row.highlighted]
    return make_picture(
        kind.name if binary else f"{kind.name}_by_finding",
        title=kind.title if binary else f"{kind.title} of each finding",
        alt={row.label: _areas(kind, row, outputs) for row in rows},
        plot=lambda: _plot(kind, table, rows, outputs),
        positive=outputs[0],
        prevalence=_prevalence(table, outputs[0]),
        highlighted=highlighted if len(highlighted) < len(rows) - len(controls) else [],
        controls_omitted=sum(row.control for row in every) > len(controls),
        labels=[row.label for row in rows],
        undefined=count(omitted, "finding") if omitted else "",
    )


def _areas(kind: CurveKind, row: PlottedRow, outputs: Sequence[str]) -> str:
    if not row.row.findings:
        return f"{RANKED[kind.area]} {with_interval(row.row.figures[kind.area])}"
    values = {name: row.row.findings[name][kind.area].value for name in outputs}
    return ", ".join(f"{printable(name)} {number(value)}" for name, value in values.items())


def _prevalence(table: Table, name: str) -> float:
    """Share of the test images with an output, which guessing reaches as precision."""
    test = table.data.parts["test"]
    return test.classes[name] / test.images


def _plot(
    kind: CurveKind, table: Table, rows: Sequence[PlottedRow], outputs: Sequence[str]
) -> Figure:
    binary = table.outputs.binary
    size = {"side": 3.7} if binary else {"top": 0.7}
    figure, panels = square_panels(len(outputs), x=kind.x, y=kind.y, **size)
    counts = table.data.parts["test"].classes
    handles: dict[str, Artist] = {}
    for axes, name in zip(panels, outputs, strict=True):
        if not binary:
            axes.set_title(f"{printable(name)[:24]} ({counts[name]:,})", fontsize=8.5)
        if kind is ROC:
            axes.plot([0, 1], [0, 1], color=RULE, linewidth=1.0, zorder=1)
        else:
            axes.axhline(_prevalence(table, name), color=MUTED, linewidth=1.0, linestyle=":")
        # The first row lies on top.
        for row in reversed(rows):
            _plot_row(axes, row, kind=kind, output=name)
        handles |= {str(line.get_label()): line for line in axes.get_lines()}
    named = [row for row in rows if row.highlighted or row.control or not binary]
    labels = {row.label: textwrap.fill(row.label, 34) for row in named}
    if binary:
        areas = {row.label: number(row.row.figures[kind.area].value) for row in named}
        labels = {key: f"{text}\n{RANKED[kind.area]} {areas[key]}" for key, text in labels.items()}
    figure.legend(
        [handles[label] for label in labels],
        labels.values(),
        loc="upper right" if binary else "upper center",
        ncols=1 if binary else 3,
        handlelength=3.0,
    )
    return figure


def _plot_row(axes: Axes, row: PlottedRow, *, kind: CurveKind, output: str) -> None:
    """A thin line for each seed; only the first seed of a gray row, which would hide others."""
    found = [run.curves[output] for run in row.row.runs if output in run.curves]
    prominent = row.highlighted or row.control
    for position, curve in enumerate(found if prominent else found[:1]):
        axes.plot(
            *getattr(curve, kind.name).T,
            color=row.colour,
            linestyle=row.line,
            linewidth=1.5 if len(found) == 1 and row.highlighted else 1.0,
            alpha=0.9 if prominent else 0.4,
            drawstyle=kind.drawstyle,
            label="_" if position else row.label,
            zorder=3 if row.highlighted else 2,
        )
