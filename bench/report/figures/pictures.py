"""The pictures of a table, in the order of a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.evaluate.results import Table
from bench.report.figures.costs import costs
from bench.report.figures.curves import PRECISION_RECALL, ROC, curves, curves_by_finding
from bench.report.figures.intervals import intervals
from bench.report.figures.matrices import confusions, findings
from bench.report.figures.picture import Picture
from bench.report.figures.reliability import reliability
from bench.report.figures.training import training

_KINDS: tuple[Callable[[Table], Picture | None], ...] = (
    intervals,
    partial(curves, kind=ROC),
    partial(curves, kind=PRECISION_RECALL),
    findings,
    partial(curves_by_finding, kind=ROC),
    partial(curves_by_finding, kind=PRECISION_RECALL),
    costs,
    training,
    reliability,
    confusions,
)


def pictures(table: Table) -> list[Picture]:
    """The pictures for which the table has data; nothing is drawn yet."""
    found = (kind(table) for kind in _KINDS)
    return [picture for picture in found if picture is not None]
