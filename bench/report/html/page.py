"""The report as one HTML file: nothing is fetched, and no script is needed to read it."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Results, Table
from bench.report import facts, formatting, text
from bench.report.columns import Section, TableCell
from bench.report.figures import Picture, pictures, svg
from bench.report.figures.style import ON_DARK, VARIABLES
from bench.report.html.bars import Scale
from bench.report.html.confusion import confusions
from bench.report.html.gallery import Gallery, gallery
from bench.report.html.headline import headline
from bench.report.html.reproduce import Recipe, recipe
from bench.report.notes import glossary
from bench.report.questions import answer_sections
from bench.report.sections import parts, sections

PACKAGE = "bench.report.html"
# Colours of the figures; all others are in the style sheet.
_SERIES = [name for name in ON_DARK if name.startswith("--series")]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A comparison on the page.

    Attributes:
        id: of its heading; the ids of its parts begin with it.
        table: the comparison.
        headline: its result in sentences.
        measure: name of the measure that sorts the table.
        comparison: the main table.
        bars: the axes of the columns that are drawn as bars, by key.
        others: further tables.
        figures: with their SVG elements.
        confusions: confusion matrices.
        gallery: misclassified images; None for none.
        parts: images and patients of each part of the data.
        facts, incidents: sentences on the data and on single runs.
        recipes: how to run each row again.
    """

    id: str
    table: Table
    headline: Sequence[str]
    measure: str
    comparison: Section
    bars: dict[str, Scale]
    others: Sequence[Section]
    figures: Sequence[tuple[Picture, Markup]]
    confusions: Sequence[Section]
    gallery: Gallery | None
    parts: Section
    facts: Sequence[str]
    incidents: Sequence[str]
    recipes: Sequence[Recipe]


def html(results: Results, *, thumbnails: int = 12) -> str:
    """The report as one self-contained page.

    Args:
        results: every number of the report.
        thumbnails: most misclassified images of each kind; 0 where patients' images must not be
            passed on.

    Raises:
        InputError: the predictions of a run are gone or damaged.
    """
    chapters = [
        chapter(table, f"table-{number}", thumbnails=thumbnails)
        for number, table in enumerate(results.tables, start=1)
    ]
    return render(results, chapters)


def chapter(table: Table, id: str, *, thumbnails: int) -> Chapter:
    """One table as the page shows it.

    Args:
        table: the comparison.
        id: of its heading.
        thumbnails: as :func:`html` has them.

    Raises:
        InputError: the predictions of a run are gone or damaged.
    """
    comparison, *others = sections(table)
    return Chapter(
        id=id,
        table=table,
        headline=headline(table),
        measure=columns(table.outputs)[leading(table.outputs)],
        comparison=_reordered(comparison),
        bars=_bars(table, comparison),
        others=others,
        figures=[(picture, _svg(picture, id)) for picture in pictures(table)],
        confusions=confusions(table),
        gallery=gallery(table, limit=thumbnails),
        parts=parts(table),
        facts=facts.resting_on(table),
        incidents=facts.incidents(table),
        recipes=[recipe(row) for row in table.rows if row.runs],
    )


def render(results: Results, chapters: Sequence[Chapter]) -> str:
    """The page of some chapters; all text is escaped."""
    script = _asset("tables.js")
    return _page().render(
        chapters=chapters,
        questions=[answer_sections(answer) for answer in results.questions],
        title=facts.title,
        glossary=glossary(results),
        unfinished=facts.without_row(results),
        style=_asset("style.css"),
        series={name: colour for colour, name in VARIABLES.items() if name in _SERIES},
        series_on_dark={name: ON_DARK[name] for name in _SERIES},
        script=script,
        # The one script that the page may run.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _reordered(section: Section) -> Section:
    """The comparison with what matters least on a small screen further to the right."""
    late = [column for column in section.columns if column.key in ("weights", "seeds")]
    others = [column for column in section.columns if column not in late]
    cut = [column.key for column in others].index("parameters")
    return replace(section, columns=[*others[:cut], *late, *others[cut:]])


def _bars(table: Table, section: Section) -> dict[str, Scale]:
    """Axes for the leading measure and for the difference to the reference.

    Controls are far below: on an axis that holds them, the intervals of networks would be dots.
    """
    lines = {"difference": 0.0, leading(table.outputs): math.nan}
    if table.reference is not None:
        lines[leading(table.outputs)] = table.reference.figures[leading(table.outputs)].value
    networks = [row.kind != "control" for row in section.rows]
    scales = {}
    for column in section.columns:
        if column.key in lines:
            every = list(zip(column.cells, networks, strict=True))
            cells = [cell for cell, network in every if network or not any(networks)]
            values = [
                value
                for cell in cells
                for value in (cell.value, cell.low, cell.high)
                if isinstance(value, float)
            ]
            scale = Scale.around(values, line=lines[column.key])
            if scale is not None:
                scales[column.key] = scale
    return scales


def _svg(picture: Picture, id: str) -> Markup:
    element = svg(picture.draw(), name=f"{id}-{picture.name}").removeprefix("<svg")
    return Markup('<svg role="img" aria-label="{}"').format(picture.alt) + Markup(element)


def sort_key(cell: TableCell) -> str:
    """The ``data-key`` of a cell; "" for a missing value, which sorts last."""
    if cell.value is None or (isinstance(cell.value, float) and math.isnan(cell.value)):
        return ""
    return str(cell.value)


@cache
def _page() -> Template:
    """Compiled once: this takes longer than rendering."""
    environment = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(formatting, name) for name in text.FILTERS}
    environment.filters["sort_key"] = sort_key
    return environment.get_template("page.html")


def _asset(name: str) -> Markup:
    return Markup(files(PACKAGE).joinpath("templates", name).read_text(encoding="utf-8"))
