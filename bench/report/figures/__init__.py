"""Figures of a table: the same drawing for a page (SVG) and for files (PNG, PDF, SVG)."""

from bench.report.figures.files import FORMATS, write_figures
from bench.report.figures.picture import Picture
from bench.report.figures.pictures import pictures
from bench.report.figures.svg import svg

__all__ = ["FORMATS", "Picture", "pictures", "svg", "write_figures"]
