"""Tables from stored runs."""

from bench.report.collect import collect
from bench.report.filtered import without_bare_tables
from bench.report.formats import FORMATS
from bench.report.report import Filters, Report, make_report
from bench.report.table import Figure, Reference, Row, Table

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
