"""The formats of a report, by name."""

from __future__ import annotations

from collections.abc import Callable

from bench.report.comma_separated import comma_separated
from bench.report.latex import latex
from bench.report.markdown import markdown

FORMATS: dict[str, Callable[..., str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "latex": latex,
}
