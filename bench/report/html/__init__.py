"""The report as one web page."""

from bench.report.html.page import html

__all__ = ["html"]
