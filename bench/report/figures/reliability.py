"""Reliability curves: predicted probabilities against the share of positive images."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select, with_interval
from bench.report.figures.style import MUTED, SERIES, SMALL, square_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 12


def reliability(table: Table) -> Picture | None:
    """Reliability curves of a two-class task; None for others, or where no run has one."""
    if not table.outputs.binary:
        return None
    positive = table.outputs.classes[1]
    rows = [
        row
        for row in plotted_rows(table)
        if not row.control and any(positive in run.curves for run in row.row.runs)
    ]
    if not rows:
        return None
    shown = select(rows, PANELS)
    return make_picture(
        "reliability",
        title="Reliability curves",
        alt={row.label: f"ECE {with_interval(row.row.figures['ece'])}" for row in rows},
        plot=lambda: _plot(shown, positive),
        positive=positive,
        rows_omitted=[row.label for row in rows if row not in shown],
    )


def _plot(rows: Sequence[PlottedRow], positive: str) -> Figure:
    figure, panels = square_panels(
        len(rows), x=f"probability of {positive}", y=f"share of {positive}", top=0.45
    )
    for axes, row in zip(panels, rows, strict=True):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
        for run in row.row.runs:
            if positive in run.curves:
                points = run.curves[positive].reliability[:, :2]
                axes.plot(*points.T, color=SERIES[0], marker="o", markersize=3.5, linewidth=1.0)
        axes.set_title(textwrap.fill(row.label, 24), fontsize=SMALL, fontweight=row.weight)
        ece, scaled = (row.row.figures[name].value for name in ("ece", "ece_scaled"))
        text = f"ECE {ece:.3f}" + ("" if math.isnan(scaled) else f" ({scaled:.3f})")
        slope = row.row.figures["calibration_slope"].value
        text += "" if math.isnan(slope) else f"\nslope {slope:.2f}"
        axes.annotate(text, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=SMALL)
    return figure
