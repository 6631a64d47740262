"""The pictures of a table, in the order in which a page shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bench.evaluate.results import Table
from bench.report.figures.by_finding import precision_recall_by_finding, roc_by_finding
from bench.report.figures.confusions import confusions
from bench.report.figures.costs import costs
from bench.report.figures.curves import precision_recall, roc
from bench.report.figures.findings import findings
from bench.report.figures.intervals import intervals
from bench.report.figures.picture import Picture
from bench.report.figures.reliability import reliability
from bench.report.figures.style import house_style
from bench.report.figures.training import training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAKERS: tuple[Callable[[Table], Picture | None], ...] = (
    intervals,
    roc,
    precision_recall,
    findings,
    roc_by_finding,
    precision_recall_by_finding,
    costs,
    training,
    reliability,
    confusions,
)


def pictures(table: Table) -> list[Picture]:
    """The pictures that there is something to draw for; nothing is drawn yet."""
    made = (make(table) for make in _MAKERS)
    return [replace(one, draw=partial(_in_style, one.draw)) for one in made if one is not None]


def _in_style(draw: Callable[[], Figure]) -> Figure:
    with house_style():
        return draw()
