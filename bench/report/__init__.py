"""Tables from stored runs."""

from bench.report.collect import Figure, Reference, Row, Table, collect
from bench.report.filtered import without_bare_tables
from bench.report.formats import FORMATS
from bench.report.report import Filters, Report, make_report

__all__ = [
    "FORMATS",
    "Figure",
    "Filters",
    "Reference",
    "Report",
    "Row",
    "Table",
    "collect",
    "make_report",
    "without_bare_tables",
]
