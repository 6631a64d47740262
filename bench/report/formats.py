"""The formats of a report, by name."""

from __future__ import annotations

from collections.abc import Callable

from bench.evaluate.results import Results
from bench.report.csv import csv
from bench.report.json import json
from bench.report.latex import latex
from bench.report.markdown import markdown


def _html(results: Results) -> str:
    # Its pictures and templates take long to import, and the other formats need neither.
    from bench.report.html import html

    return html(results)


FORMATS: dict[str, Callable[[Results], str]] = {
    "markdown": markdown,
    "html": _html,
    "latex": latex,
    "csv": csv,
    "json": json,
}
