"""Tables from stored runs."""

from bench.report.collect import Figure, Row, Table, collect
from bench.report.formats import FORMATS

__all__ = ["FORMATS", "Figure", "Row", "Table", "collect"]
