"""The formats of a report, by name; each takes results and, as keywords, its own options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.evaluate.results import Results
from bench.report.csv import csv
from bench.report.json import json
from bench.report.latex import latex
from bench.report.markdown import markdown


def _html(results: Results, **options: Any) -> str:
    # Its pictures and templates take long to import, and the other formats need neither.
    from bench.report.html.page import html

    return html(results, **options)


FORMATS: dict[str, Callable[..., str]] = {
    "markdown": markdown,
    "html": _html,
    "latex": latex,
    "csv": csv,
    "json": json,
}
