"""Training curves: losses and validation AUC, decays of the learning rate, and the weights kept."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.evaluate.frames import history
from bench.evaluate.measures import leading_head
from bench.evaluate.results import Table
from bench.report.figures.picture import Picture, make_picture
from bench.report.figures.rows import PlottedRow, plotted_rows, select
from bench.report.figures.style import DASHED, INK, MUTED, SERIES, SMALL, fixed_panels
from bench.report.formatting import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
PANELS = 12
NUMBERS = ["iteration", "train_loss", "validation_loss", "validation_auc"]


def training(table: Table) -> Picture | None:
    """Training curves of each network; None where no run has a history."""
    networks = [row for row in plotted_rows(table) if row.row.kind == "network"]
    shown = select(networks, PANELS)
    by_run = _histories(table)
    histories = {
        row.label: [by_run[run.name] for run in row.row.runs if run.name in by_run] for row in shown
    }
    if not any(histories.values()):
        return None
    unreadable = sum(run.name not in by_run for row in shown for run in row.row.runs)
    head = leading_head(table.outputs)
    return make_picture(
        "training",
        title="Training curves",
        alt={
            label: "; ".join(map(_in_words, frames)) or "no history"
            for label, frames in histories.items()
        },
        limit=6,
        plot=lambda: _plot(shown, histories, head),
        head=head,
        rows_omitted=[row.label for row in networks if row not in shown],
        unreadable=count(unreadable, "run") if unreadable else "",
    )


def _histories(table: Table) -> dict[str, pd.DataFrame]:
    """The validations of each run that has some, with ``decay`` and ``best`` as bool."""
    frame = history([table])
    if not {*NUMBERS, "decision", "best"} <= {*frame.columns}:
        return {}
    frame = frame.assign(decay=frame["decision"].eq("decay"), best=frame["best"].eq(True))
    return {str(run): own for run, own in frame.dropna(subset=NUMBERS).groupby("run")}


def _in_words(frame: pd.DataFrame) -> str:
    decays = ", ".join(f"{iteration:,.0f}" for iteration in frame["iteration"][frame["decay"]])
    kept = "no weights kept"
    if frame["best"].any():
        best = frame[frame["best"]].iloc[-1]
        kept = (
            f"weights kept at iteration {best['iteration']:,.0f} "
            f"(validation AUC {best['validation_auc']:.3f})"
        )
    return f"{kept}, {f'decays at {decays}' if decays else 'no decay'}"


def _plot(
    rows: Sequence[PlottedRow], histories: dict[str, list[pd.DataFrame]], head: str
) -> Figure:
    columns = min(COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    # Each network has a panel of losses, one of AUCs and a spacer for the next title.
    figure, grid = fixed_panels(
        rows=3 * lines - 1,
        columns=columns,
        width=(6.5 - 0.42 * (columns - 1)) / columns,
        height=0.8,
        gap=(0.42, 0.1),
        top=0.6,
        sharex=True,
        height_ratios=([1.0, 1.0, 0.3] * lines)[:-1],
    )
    for spare in grid[2::3].flat:
        spare.remove()
    lowest = pd.concat([frame for frames in histories.values() for frame in frames])[
        "validation_auc"
    ].min()
    panels = list(zip(grid[::3].flat, grid[1::3].flat, strict=True))
    for spare in panels[len(rows) :]:
        for axes in spare:
            axes.remove()
    for position, (row, (losses, aucs)) in enumerate(zip(rows, panels, strict=False)):
        losses.set_title(textwrap.fill(row.label, 34), fontsize=SMALL, fontweight=row.weight)
        _plot_panel(losses, aucs, histories[row.label])
        aucs.set_ylim(min(0.45, lowest - 0.02), 1.02)
        if position % columns == 0:
            losses.set_ylabel("loss", fontsize=8.0)
            aucs.set_ylabel(f"validation\n{head}", fontsize=8.0)
    figure.supxlabel("iterations", fontsize=9)
    handles = {
        str(artist.get_label()): artist
        for axes in figure.axes
        for artist in axes.get_legend_handles_labels()[0]
    }
    figure.legend(
        handles.values(), handles.keys(), loc="upper center", ncols=5, fontsize=8.0,
        columnspacing=1.4,
    )  # fmt: skip
    return figure


def _plot_panel(losses: Axes, aucs: Axes, histories: Sequence[pd.DataFrame]) -> None:
    from matplotlib.ticker import MultipleLocator

    for frame in histories:
        steps, best = frame["iteration"], frame[frame["best"]].tail(1)
        losses.plot(steps, frame["train_loss"], color=MUTED, linewidth=0.9, label="training loss")
        losses.plot(
            steps, frame["validation_loss"], color=SERIES[1], linewidth=1.1, linestyle=DASHED,
            label="validation loss",
        )  # fmt: skip
        aucs.plot(
            steps, frame["validation_auc"], color=SERIES[0], linewidth=1.1, label="validation AUC"
        )
        aucs.plot(
            best["iteration"], best["validation_auc"], color=SERIES[0], marker="o", markersize=5,
            linestyle="none", label="weights kept",
        )  # fmt: skip
        # Heights in units of the axes: ticks at the edge between the two panels.
        for axes, low, high in ((losses, 0.0, 0.16), (aucs, 0.9, 1.0)):
            axes.vlines(
                steps[frame["decay"]], low, high, transform=axes.get_xaxis_transform(), color=INK,
                linewidth=1.3, label="decay",
            )  # fmt: skip
    if not histories:
        aucs.text(0.5, 0.5, "no history", transform=aucs.transAxes, ha="center", fontsize=SMALL)
    for axes in (losses, aucs):
        axes.grid(visible=True)
        axes.tick_params(labelsize=SMALL, labelbottom=axes is aucs)
    aucs.yaxis.set_major_locator(MultipleLocator(0.2))
