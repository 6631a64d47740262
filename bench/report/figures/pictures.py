"""The pictures of a table, in the order of a page."""

from __future__ import annotations

from bench.evaluate.results import Table
from bench.report.figures.costs import costs
from bench.report.figures.curves import (
    precision_recall,
    precision_recall_by_finding,
    roc,
    roc_by_finding,
)
from bench.report.figures.intervals import intervals
from bench.report.figures.matrices import confusions, findings
from bench.report.figures.picture import Picture
from bench.report.figures.reliability import reliability
from bench.report.figures.training import training

_KINDS = (
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
    """The pictures for which the table has data; nothing is drawn yet."""
    found = (kind(table) for kind in _KINDS)
    return [picture for picture in found if picture is not None]
