"""How each network was trained: losses and validation AUC, decays and the weights kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.evaluate.results import Table
from bench.report.figures.history import History, history
from bench.report.figures.picture import Picture
from bench.report.figures.rows import Drawn, drawn, left_out, list_in_words, measured, some
from bench.report.figures.style import INK, MUTED, SERIES, SMALL, Room, empty
from bench.report.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
MOST = 12
LONGEST = 30
LEARNED, VALIDATED, RANKED = MUTED, SERIES[1], SERIES[0]
DASHES = (0, (4, 1.2))


def training(table: Table) -> Picture | None:
    """Training curves of each network; None where no run has a history."""
    networks = [one for one in drawn(table) if one.row.kind == "network"]
    shown = some(networks, most=MOST)
    histories = [
        (one, [found for run in one.row.runs if (found := history(run.run)) is not None])
        for one in shown
    ]
    if not any(found for _, found in histories):
        return None
    lost = sum(len(one.row.runs) - len(found) for one, found in histories)
    missing = f" {many(lost, 'run')} without a readable history." if lost else ""
    return Picture(
        name="training",
        title="Training curves",
        caption=(
            "Above: loss of the training steps (gray) and of the validation part (dashed). Below: "
            f"validation {measured(table)}, and a dot where the weights were kept. A line for each "
            "seed; each upright tick between the two is a decay of the learning rate. Losses of "
            f"different names cannot be compared.{left_out(networks, shown)}{missing}"
        ),
        alt="Training curves. "
        + list_in_words([f"{one.label} {_said(found)}" for one, found in histories], most=6)
        + ".",
        draw=lambda: _draw(table, histories),
    )


def _said(histories: Sequence[History]) -> str:
    said = []
    for found in histories:
        decays = ", ".join(f"{iteration:,}" for iteration in found.decays)
        kept = (
            f"weights kept at iteration {found.kept[0]:,} (validation AUC {found.kept[1]:.3f})"
            if found.kept
            else "no weights kept"
        )
        said.append(f"{kept}, decays at {decays}" if decays else f"{kept}, no decay")
    return ", then ".join(said) or "no history"


def _draw(table: Table, histories: Sequence[tuple[Drawn, list[History]]]) -> Figure:
    columns = min(COLUMNS, len(histories))
    bands = -(-len(histories) // columns)
    figure, grid = empty(
        height=0.62 + 2.6 * bands,
        rows=2 * bands,
        columns=columns,
        room=Room(left=0.72, right=0.1, bottom=0.5, top=0.6, across=0.42, along=0.42),
        sharex=True,
    )
    aucs = [auc for _, found in histories for one in found for auc in one.validation_auc]
    lowest = min((auc for auc in aucs if not math.isnan(auc)), default=0.5)
    pairs = zip(grid[::2].flat, grid[1::2].flat, strict=True)
    for place, (above, below) in enumerate(pairs):
        if place >= len(histories):
            above.remove()
            below.remove()
            continue
        _panel(above, below, *histories[place])
        below.set_ylim(min(0.45, lowest - 0.02), 1.02)
        if place % columns == 0:
            above.set_ylabel("loss", fontsize=8.0)
            below.set_ylabel(f"validation\n{measured(table)}", fontsize=8.0)
        # The two of a row belong together: the room between them is for titles, which they lack.
        left, bottom, width, height = above.get_position().bounds
        lower = bottom - 0.3 / figure.get_figheight()
        above.set_position((left, lower, width, height + bottom - lower))
    figure.supxlabel("iterations", fontsize=9)
    _key(figure)
    return figure


def _panel(above: Axes, below: Axes, one: Drawn, found: Sequence[History]) -> None:
    from matplotlib.ticker import MultipleLocator

    above.set_title(
        one.short(LONGEST), fontsize=8.5, fontweight="bold" if one.reference else "normal"
    )
    for run in found:
        _losses(above, run)
        _auc(below, run)
    if not found:
        below.text(0.5, 0.5, "no history", transform=below.transAxes, ha="center", fontsize=SMALL)
    for axes in (above, below):
        axes.grid(visible=True)
        axes.tick_params(labelsize=SMALL, labelbottom=axes is below)
    below.yaxis.set_major_locator(MultipleLocator(0.2))


def _losses(axes: Axes, run: History) -> None:
    axes.plot(run.iterations, run.train_loss, color=LEARNED, linewidth=0.9, label="training loss")
    axes.plot(
        run.iterations, run.validation_loss, color=VALIDATED, linewidth=1.1, linestyle=DASHES,
        label="validation loss",
    )  # fmt: skip
    # In units of the axes' height, so that the ticks stay at the lower edge.
    axes.vlines(
        run.decays, 0.0, 0.16, transform=axes.get_xaxis_transform(), color=INK, linewidth=1.3,
        label="decay",
    )  # fmt: skip


def _auc(axes: Axes, run: History) -> None:
    axes.plot(run.iterations, run.validation_auc, color=RANKED, linewidth=1.1, label="AUC")
    axes.vlines(
        run.decays, 0.9, 1.0, transform=axes.get_xaxis_transform(), color=INK, linewidth=1.3
    )
    if run.kept is not None:
        axes.plot(
            [run.kept[0]], [run.kept[1]], color=RANKED, marker="o", markersize=5, label="kept"
        )


def _key(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    figure.legend(
        [
            Line2D([], [], color=LEARNED, linewidth=0.9),
            Line2D([], [], color=VALIDATED, linewidth=1.1, linestyle=DASHES),
            Line2D([], [], color=RANKED, linewidth=1.1),
            Line2D([], [], color=INK, marker="|", markeredgewidth=1.3, linestyle="none"),
            Line2D([], [], color=RANKED, marker="o", markersize=5, linestyle="none"),
        ],
        ["training loss", "validation loss", "validation AUC", "decay", "weights kept"],
        loc="upper center",
        ncols=5,
        fontsize=8.0,
        columnspacing=1.4,
    )
