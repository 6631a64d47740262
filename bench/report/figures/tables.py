"""The pictures of a table, in the order of a page."""

from __future__ import annotations

from bench.evaluate.results import Table
from bench.report.figures.costs import costs
from bench.report.figures.curves import PRECISION_RECALL, ROC, curves
from bench.report.figures.differences import differences
from bench.report.figures.findings import findings
from bench.report.figures.picture import Picture
from bench.report.figures.reliability import reliability
from bench.report.figures.training import training


def pictures(table: Table) -> list[Picture]:
    """The pictures for which the table has data; nothing is drawn yet."""
    found = (
        differences(table),
        findings(table),
        curves(table, ROC),
        curves(table, PRECISION_RECALL),
        costs(table),
        training(table),
        reliability(table),
    )
    return [picture for picture in found if picture is not None]
