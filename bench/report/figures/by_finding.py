"""Curves of each finding: the reference, the first of the other rows and the best control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.data.names import printable
from bench.evaluate.results import Table
from bench.report.figures.curves import PRECISION_RECALL, ROC, Kind, chance, draw_runs, prevalence
from bench.report.figures.picture import Picture
from bench.report.figures.rows import Drawn, drawn, in_words, list_in_words, short, some
from bench.report.figures.style import MUTED, SMALL, squares
from bench.report.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 24


def roc_by_finding(table: Table) -> Picture | None:
    """The ROC curves of each finding; None for two classes, or where no finding has one."""
    return _picture(
        ROC,
        table,
        title="ROC curves of each finding",
        about="Sensitivity against 1 − specificity on the test part, a panel for each finding",
    )


def precision_recall_by_finding(table: Table) -> Picture | None:
    """The precision-recall curves of each finding; None as for :func:`roc_by_finding`."""
    return _picture(
        PRECISION_RECALL,
        table,
        title="Precision-recall curves of each finding",
        about=(
            "Precision against recall on the test part, a panel for each finding; dotted: the "
            "share of images that have it"
        ),
    )


def _picture(kind: Kind, table: Table, *, title: str, about: str) -> Picture | None:
    if table.outputs.binary:
        return None
    rows = _rows(table)
    findings = [
        name
        for name in table.outputs.classes
        if any(name in scores.curves for one in rows for scores in one.row.scores)
    ]
    if not findings:
        return None
    without = len(table.outputs.classes) - len(findings)
    missing = (
        f" {many(without, 'finding')} that no test image has, or every one, left out."
        if without
        else ""
    )
    return Picture(
        name=f"{kind.curve}_by_finding",
        title=title,
        caption=(
            f"{about}. Shown are {', '.join(one.label for one in rows)}: the reference where there "
            "is one, the row of the highest test value beside it, and the best control; the "
            f"figures are their {kind.called}, the number in brackets is how many images have the "
            f"finding.{missing}"
        ),
        alt=f"{title}. {kind.called} of "
        + ". ".join(
            f"{one.label}: "
            + list_in_words([f"{printable(name)} {_value(kind, one, name)}" for name in findings])
            for one in rows
        )
        + ".",
        draw=lambda: _draw(kind, table, rows, findings),
    )


def _rows(table: Table) -> list[Drawn]:
    rows = drawn(table)
    return (
        some([one for one in rows if not one.control], most=2)
        + [one for one in rows if one.best_control][:1]
    )


def _value(kind: Kind, one: Drawn, name: str) -> str:
    return in_words(one.row.findings[name].get(kind.measure)).partition(" ")[0]


def _draw(kind: Kind, table: Table, rows: Sequence[Drawn], findings: Sequence[str]) -> Figure:
    figure, grid = squares(len(findings), x=kind.x, y=kind.y, legend=True)
    for axes, name in zip(grid, findings, strict=True):
        if kind is ROC:
            chance(axes)
        support = table.data["parts"]["test"]["classes"][name]
        axes.set_title(f"{short(printable(name), LONGEST)} ({support:,})", fontsize=8.5)
        if kind is PRECISION_RECALL:
            axes.axhline(prevalence(table, name), color=MUTED, linewidth=1.0, linestyle=":")
        for one in reversed(rows):
            draw_runs(axes, one, kind=kind, output=name)
        _values(axes, kind, rows, name)
    handles = {str(line.get_label()): line for axes in grid for line in axes.get_lines()}
    figure.legend(
        [handles[one.label] for one in rows],
        [one.short(34) for one in rows],
        loc="upper center",
        ncols=3,
        handlelength=3.0,
    )
    return figure


def _values(axes: Axes, kind: Kind, rows: Sequence[Drawn], name: str) -> None:
    """The areas where the curves of good and useless predictions leave room."""
    below = kind is ROC
    for line, one in enumerate(reversed(rows) if below else rows):
        axes.annotate(
            _value(kind, one, name), (0.97, 0.05 if below else 0.97), xycoords="axes fraction",
            xytext=(0, 9 * line * (1 if below else -1)), textcoords="offset points", ha="right",
            va="bottom" if below else "top", fontsize=SMALL, color=one.colour,
        )  # fmt: skip
