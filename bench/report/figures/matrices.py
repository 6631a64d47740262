"""Tables as coloured cells: confusion matrices, and the AUC of each finding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select, shorten
from bench.report.figures.style import INK, MUTED, SERIES, SMALL, empty_figure
from bench.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
# Confusion matrices in one picture, for few classes and for many.
MATRICES, LARGE_MATRICES = 8, 2
# A matrix of more classes than this fills the width.
FEW_CLASSES = 4
HEAT_MAP_ROWS = 24
CHANCE = 0.5
# Full colour would make the numbers unreadable.
PALEST, FULLEST = 0.03, 0.6


def confusions(table: Table) -> Picture | None:
    """Confusion matrices; None without any count, and for labels, which do not exclude another."""
    if table.outputs.kind == "multilabel":
        return None
    rows = [row for row in plotted_rows(table) if mean_counts(row).any()]
    if not rows:
        return None
    classes = [printable(name) for name in table.outputs.classes]
    few = len(classes) <= FEW_CLASSES
    shown = select(rows, MATRICES if few else LARGE_MATRICES)
    return make_picture(
        "confusions",
        title="Confusion matrices",
        alt={row.label: _correct(mean_counts(row), classes) for row in shown},
        plot=lambda: _plot_confusions(shown, classes),
        binary=table.outputs.binary,
        sparse=not few,
        rows_omitted=[row.label for row in rows if row not in shown],
    )


def mean_counts(row: PlottedRow) -> NDArray[np.float64]:
    """Images by label (lines) and call (columns), mean over the seeds, (classes, classes)."""
    return np.asarray(np.mean([run.confusion for run in row.row.runs], axis=0))


def _correct(counts: NDArray[np.float64], classes: Sequence[str]) -> str:
    return ", ".join(
        f"{name}: {_count(counts[k, k])} of {counts[k].sum():,.0f} correct"
        for k, name in enumerate(classes)
    )


def _count(value: Any) -> str:
    """``1,204``, or ``12.5`` for a mean that is not whole."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _plot_confusions(rows: Sequence[PlottedRow], classes: Sequence[str]) -> Figure:
    few = len(classes) <= FEW_CLASSES
    columns = min(COLUMNS, len(rows)) if few else 1
    lines = -(-len(rows) // columns)
    height = lines * (2.2 if few else 1.4 + 0.34 * len(classes))
    figure, grid = empty_figure(height=height, rows=lines, columns=columns)
    for spare in grid.flat[len(rows) :]:
        spare.remove()
    for position, (axes, row) in enumerate(zip(grid.flat, rows, strict=False)):
        _plot_matrix(axes, mean_counts(row), classes)
        axes.set_title(row.short(24 if few else 60), fontsize=8.5, fontweight=row.weight)
        axes.tick_params(labelleft=position % columns == 0)
    figure.supxlabel("called", fontsize=9)
    figure.supylabel("label", fontsize=9)
    return figure


def _plot_matrix(axes: Axes, counts: NDArray[np.float64], classes: Sequence[str]) -> None:
    few = len(classes) <= FEW_CLASSES
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals > 0, totals, 1.0)
    for (y, x), share in np.ndenumerate(shares):
        # Of many classes most cells are zero, and would hide the others.
        text = f"{_count(counts[y, x])}\n{100 * share:.0f} %" if few or share else ""
        _plot_cell(axes, x, y, text, opacity=FULLEST * share, fontsize=8.5 if few else 6.5)
    names = list(shorten(classes, 18).values())
    axes.set_xticks(range(len(names)), names, fontsize=SMALL)
    if not few:
        axes.tick_params(axis="x", labelrotation=45)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    _frame_cells(axes, columns=len(names), rows=len(names))
    if few:
        axes.set_aspect("equal")


def findings(table: Table) -> Picture | None:
    """AUC of rows and findings; None for a two-class task, or without a finished run."""
    rows = plotted_rows(table)
    if table.outputs.binary or not rows:
        return None
    shown = select(rows, HEAT_MAP_ROWS)
    return make_picture(
        "findings",
        title="AUC of each finding",
        alt={
            row.label: ", ".join(
                f"{printable(name)} {'n/a' if math.isnan(auc) else f'{auc:.2f}'}"
                for name, auc in _aucs(row).items()
            )
            for row in shown
        },
        limit=4,
        plot=lambda: _plot_findings(table, shown),
        rows_omitted=[row.label for row in rows if row not in shown],
    )


def _aucs(row: PlottedRow) -> dict[str, float]:
    return {name: figures["auc"].value for name, figures in row.row.findings.items()}


def _plot_findings(table: Table, rows: Sequence[PlottedRow]) -> Figure:
    figure, ((axes,),) = empty_figure(height=1.5 + 0.26 * len(rows))
    for y, row in enumerate(rows):
        for x, auc in enumerate(_aucs(row).values()):
            above = min(max((auc - CHANCE) / (1.0 - CHANCE), 0.0), 1.0)
            text = "" if math.isnan(auc) else f"{auc:.2f}"
            _plot_cell(axes, x, y, text, opacity=PALEST + (FULLEST - PALEST) * above)
    counts = table.data.parts["test"].classes
    classes = table.outputs.classes
    axes.set_xticks(
        range(len(classes)),
        [f"{printable(name)[:20]} ({counts[name]:,})" for name in classes],
        rotation=45, ha="left", rotation_mode="anchor", fontsize=SMALL,
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [row.short(30) for row in rows], fontsize=8.0)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set(fontweight=row.weight, color=MUTED if row.control else INK)
    _frame_cells(axes, columns=len(classes), rows=len(rows))
    return figure


def _plot_cell(
    axes: Axes, x: int, y: int, text: str, *, opacity: float, fontsize: float = SMALL
) -> None:
    """A coloured cell with its text; hatched where the value is undefined (NaN)."""
    from matplotlib.patches import Rectangle

    undefined = math.isnan(opacity)
    axes.add_patch(
        Rectangle(
            (x - 0.48, y - 0.48), 0.96, 0.96, linewidth=0, hatch="////" if undefined else None,
            facecolor="none" if undefined else (SERIES[0], opacity),
            edgecolor=MUTED if undefined else "none",
        )
    )  # fmt: skip
    if text:
        axes.text(x, y, text, ha="center", va="center", fontsize=fontsize)


def _frame_cells(axes: Axes, *, columns: int, rows: int) -> None:
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
