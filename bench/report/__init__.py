"""Tables from stored runs."""

from bench.evaluate.collect import collect
from bench.evaluate.results import Figure, Reference, Row, Table
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
