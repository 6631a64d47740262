"""The formats of a report, by name."""

from __future__ import annotations

from collections.abc import Callable

from bench.report.comma_separated import comma_separated
from bench.report.json_text import json_text
from bench.report.latex import latex
from bench.report.markdown import markdown
from bench.report.report import Report


def _html(report: Report) -> str:
    # Its pictures and templates take long to import, and the other formats need neither.
    from bench.report.html import html

    return html(report)


FORMATS: dict[str, Callable[[Report], str]] = {
    "markdown": markdown,
    "html": _html,
    "latex": latex,
    "csv": comma_separated,
    "json": json_text,
}
