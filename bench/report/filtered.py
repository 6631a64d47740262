"""Tables in which nothing is left that filters ask for."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluate.results import Table
from bench.report.report import Filters, Report


def without_bare_tables(report: Report, filters: Filters) -> Report:
    """The report without tables of controls, and of a reference that was not asked for, alone.

    Args:
        report: what :func:`bench.report.report.make_report` made with these filters.
        filters: which runs it is about.
    """
    if not filters.models and not filters.where:
        return report
    return replace(
        report, tables=tuple(table for table in report.tables if _asked_for(table, filters))
    )


def _asked_for(table: Table, filters: Filters) -> bool:
    # All other rows are in the table because a run of theirs passed.
    return any(
        row.kind != "control"
        and (row is not table.reference or any(filters.show(view.run) for view in row.runs))
        for row in table.rows
    )
