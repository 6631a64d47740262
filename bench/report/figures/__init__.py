"""Figures of a table: the same drawing for a page (SVG) and for files (PNG, PDF, SVG)."""

from bench.report.figures.files import write_figures
from bench.report.figures.picture import Picture
from bench.report.figures.tables import pictures

__all__ = ["Picture", "pictures", "write_figures"]
