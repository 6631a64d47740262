"""The report as one HTML file: nothing is fetched, and no script is needed to read it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from importlib.resources import files

from markupsafe import Markup

from bench.evaluate.measures import leading_head
from bench.evaluate.results import Results, Table
from bench.report import facts
from bench.report.columns import Section
from bench.report.external import external_sections, stale_runs
from bench.report.figures.tables import pictures
from bench.report.html.bars import bars
from bench.report.html.confusion import confusions
from bench.report.html.gallery import gallery
from bench.report.html.reproduce import recipe
from bench.report.notes import glossary
from bench.report.questions import answer_sections
from bench.report.sections import parts, sections
from bench.report.text import render
from bench.report.verdict import verdict_text


def html(results: Results, *, thumbnails: int = 12, image_names: bool = False) -> str:
    """The report as one self-contained page; all text is escaped.

    Args:
        thumbnails: most misclassified images of each kind; 0 where patients' images must not be
            passed on.
        image_names: whether these images are named; names can hold patients' numbers.
    """
    script = _asset("tables.js")
    return render(
        "page.html",
        chapters=[
            _chapter(table, f"table-{number}", thumbnails=thumbnails)
            for number, table in enumerate(results.tables, start=1)
        ],
        external=external_sections(results.external),
        stale=stale_runs(results.stale),
        questions=[answer_sections(answer) for answer in results.questions],
        title=facts.title,
        image_names=image_names,
        glossary=glossary(results),
        unfinished=facts.without_row(results),
        style=_asset("style.css"),
        script=script,
        # The one script that the page may run.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _chapter(table: Table, id: str, *, thumbnails: int) -> dict[str, object]:
    """The parts of a table that the template shows; their ids begin with the table's own."""
    comparison, *others = sections(table)
    drawn = {picture.name: picture for picture in pictures(table)}
    return {
        "id": id,
        "table": table,
        "verdict_text": verdict_text(table),
        "head": leading_head(table.outputs),
        "comparison": _reordered(comparison),
        "bars": bars(table, comparison),
        "others": others,
        # The picture beside the verdict; None where nothing was compared.
        "differences": drawn.pop("differences", None),
        "pictures": [*drawn.values()],
        "confusions": confusions(table),
        "gallery": gallery(table, limit=thumbnails),
        "parts": parts(table),
        "facts": facts.resting_on(table),
        "incidents": facts.incidents(table),
        "recipes": [recipe(row) for row in table.rows if row.runs],
    }


def _reordered(section: Section) -> Section:
    """The comparison with what matters least on a small screen further to the right."""
    late = [column for column in section.columns if column.key in ("weights", "seeds")]
    others = [column for column in section.columns if column not in late]
    cut = [column.key for column in others].index("parameters")
    return replace(section, columns=[*others[:cut], *late, *others[cut:]])


def _asset(name: str) -> Markup:
    path = files("bench.report").joinpath("templates", name)
    return Markup(path.read_text(encoding="utf-8"))
