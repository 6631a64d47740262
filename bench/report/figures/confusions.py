"""Who is taken for what: counts and shares of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.data.names import printable
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture
from bench.report.figures.rows import Drawn, drawn, left_out, list_in_words, short, some
from bench.report.figures.style import SERIES, SMALL, empty
from bench.report.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
MOST = 8
# Of a task with many classes a matrix fills the width.
MOST_CLASSES = 4
LONGEST = 24
FULLEST = 0.6

Counts = NDArray[np.float64]


def confusions(table: Table) -> Picture | None:
    """Confusion matrices; None where none has a count, and for labels, which exclude nothing.

    Of several seeds the mean counts are shown.
    """
    if table.outputs.kind == "multilabel":
        return None
    rows = [one for one in drawn(table) if counts_of(one).any()]
    if not rows:
        return None
    classes = [printable(name) for name in table.outputs.classes]
    shown = some(rows, most=MOST if len(classes) <= MOST_CLASSES else 2)
    at = " at the threshold chosen on the validation part" if table.outputs.binary else ""
    empty_cells = "" if len(classes) <= MOST_CLASSES else " Empty cells are zero."
    return Picture(
        name="confusions",
        title="Confusion matrices",
        caption=(
            f"Test images by what they are (lines) and what they are called (columns){at}: count, "
            f"and percent of the line; with several seeds the mean count.{empty_cells}"
            f"{left_out(rows, shown)}"
        ),
        alt="Confusion matrices. "
        + list_in_words([f"{one.label} {_said(one, classes)}" for one in shown])
        + ".",
        draw=lambda: _draw(shown, classes),
    )


def counts_of(one: Drawn) -> Counts:
    """Mean over the seeds, (classes, classes): what the images are, what they are called."""
    return np.asarray(np.mean([scores.confusion for scores in one.row.scores], axis=0))


def shares_of(counts: Counts) -> Counts:
    """Of each line's images, in percent; zero in a line without any."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(100.0 * counts / np.where(totals > 0, totals, 1.0))


def _said(one: Drawn, classes: Sequence[str]) -> str:
    counts = counts_of(one)
    right = [
        f"{amount(float(counts[k, k]))} of {many(round(counts[k].sum()), 'image')} that are {name}"
        for k, name in enumerate(classes)
    ]
    return "calls rightly " + ", ".join(right)


def amount(count: float) -> str:
    """``1,204``, or ``12.5`` where a mean is not whole."""
    return f"{count:,.0f}" if count.is_integer() else f"{count:,.1f}"


def _draw(rows: Sequence[Drawn], classes: Sequence[str]) -> Figure:
    few = len(classes) <= MOST_CLASSES
    columns = min(COLUMNS, len(rows)) if few else 1
    bands = -(-len(rows) // columns)
    figure, grid = empty(
        height=bands * (2.0 if few else 1.4 + 0.34 * len(classes)), rows=bands, columns=columns
    )
    for spare in grid.flat[len(rows) :]:
        spare.remove()
    for place, (axes, one) in enumerate(zip(grid.flat[: len(rows)], rows, strict=True)):
        _matrix(axes, counts_of(one), classes, few=few)
        axes.set_title(
            one.short(LONGEST if few else 60), fontsize=8.5,
            fontweight="bold" if one.reference else "normal",
        )  # fmt: skip
        axes.tick_params(labelleft=place % COLUMNS == 0 or not few)
    figure.supxlabel("called", fontsize=9)
    figure.supylabel("is", fontsize=9)
    return figure


def _matrix(axes: Axes, counts: Counts, classes: Sequence[str], *, few: bool) -> None:
    from matplotlib.patches import Rectangle

    shares = shares_of(counts)
    for (y, x), share in np.ndenumerate(shares):
        axes.add_patch(
            Rectangle(
                (x - 0.48, y - 0.48), 0.96, 0.96, facecolor=(SERIES[0], FULLEST * share / 100.0),
                edgecolor="none", linewidth=0,
            )
        )  # fmt: skip
        if not few and not share:
            continue  # of many classes most cells are zero, and would hide the others
        axes.text(
            x, y, f"{amount(float(counts[y, x]))}\n{share:.0f} %", ha="center", va="center",
            fontsize=8.5 if few else 6.5,
        )  # fmt: skip
    names = [short(name, 18) for name in classes]
    axes.set_xticks(range(len(names)), names, fontsize=SMALL)
    if not few:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if few:
        axes.set_aspect("equal")
