"""Whether images are as often positive as they are said to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.rows import (
    Drawn,
    drawn,
    in_words,
    left_out,
    list_in_words,
    some,
)
from bench.report.figures.style import MUTED, SERIES, SMALL, squares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
LONGEST = 22


def reliability(table: Table) -> Picture | None:
    """Reliability curves of a two-class task; None for others, and where no run has one."""
    if not table.outputs.binary:
        return None
    output = table.outputs.classes[1]
    rows = [
        one
        for one in drawn(table)
        if not one.control and any(output in scores.curves for scores in one.row.scores)
    ]
    if not rows:
        return None
    shown = some(rows, most=MOST)
    return Picture(
        name="reliability",
        title="Reliability curves",
        caption=(
            f"How many images are {output} among those that are said to be so with some "
            "probability, in bins of equally many images, a line for each seed. On the diagonal "
            "probabilities can be taken at their word; below it they are too high. ECE is the "
            "mean distance; in brackets with the temperature fitted on the validation part."
            f"{left_out(rows, shown)}"
        ),
        alt="Reliability curves. ECE: "
        + list_in_words([f"{one.label} {in_words(one.row.metrics['ece'])}" for one in rows])
        + ".",
        draw=lambda: _draw(shown, output),
    )


def _draw(rows: Sequence[Drawn], output: str) -> Figure:
    figure, grid = squares(len(rows), x=f"probability of {output}", y=f"share that is {output}")
    for axes, one in zip(grid, rows, strict=True):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
        for scores in one.row.scores:
            if output in scores.curves:
                points = scores.curves[output].reliability
                axes.plot(
                    points[:, 0], points[:, 1], color=SERIES[0], marker="o", markersize=3.5,
                    linewidth=1.0,
                )  # fmt: skip
        axes.set_title(
            one.short(LONGEST), fontsize=8.5,
            fontweight="bold" if one.reference else "normal",
        )  # fmt: skip
        axes.annotate(
            _errors(one), (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=SMALL
        )
    return figure


def _errors(one: Drawn) -> str:
    metrics = one.row.metrics
    scaled = metrics["ece_scaled"].mean
    text = f"ECE {metrics['ece'].mean:.3f}"
    return text if scaled != scaled else f"{text} ({scaled:.3f})"
