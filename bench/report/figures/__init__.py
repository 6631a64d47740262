"""Pictures of a table: the same drawing for a page (SVG) and for files (PNG, PDF, SVG)."""

from bench.report.figures.as_svg import svg
from bench.report.figures.files import FORMATS, write_figures
from bench.report.figures.page import pictures
from bench.report.figures.picture import Picture

__all__ = ["FORMATS", "Picture", "pictures", "svg", "write_figures"]
