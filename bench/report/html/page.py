"""One file that holds the whole report: no network, and no script needed to read it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from bench.evaluate.results import Results
from bench.report import facts
from bench.report.figures.style import ON_DARK, VARIABLES
from bench.report.html.chapters import AnswerSection, Chapter, answer_section, chapter

PACKAGE = "bench.report.html"
# Of the pictures' colours; the others are the page's own.
_SERIES = [name for name in ON_DARK if name.startswith("--series")]


def html(results: Results, *, thumbnails: int = 12) -> str:
    """The report as one self-contained page.

    Args:
        results: all that is shown.
        thumbnails: most misclassified images of each kind; 0 for a page that is passed on where
            patients' images must not be.

    Raises:
        InputError: the predictions of a run are gone or damaged.
    """
    return render(
        [
            chapter(table, place, thumbnails=thumbnails)
            for place, table in enumerate(results.tables, start=1)
        ],
        [answer_section(answer, place) for place, answer in enumerate(results.questions, start=1)],
        still_open=facts.without_row(results),
    )


def render(
    chapters: Sequence[Chapter], answers: Sequence[AnswerSection], *, still_open: Sequence[str]
) -> str:
    """Lay out a page; whatever its texts are, they stay texts.

    Args:
        chapters: of the tables.
        answers: to the questions.
        still_open: sentences on runs that have not ended.
    """
    script = _asset("sort.js")
    return _layout().render(
        chapters=chapters,
        answers=answers,
        still_open=still_open,
        style=_asset("style.css"),
        series={name: colour for colour, name in VARIABLES.items() if name in _SERIES},
        series_on_dark={name: ON_DARK[name] for name in _SERIES},
        script=script,
        # The one script that the page may run.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


@cache
def _layout() -> Template:
    """Read once: to compile it takes longer than to fill it."""
    templates = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("page.html")


def _asset(name: str) -> Markup:
    """A file of this package as it is."""
    return Markup(files(PACKAGE).joinpath("templates", name).read_text(encoding="utf-8"))
