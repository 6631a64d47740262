"""What a page shows of each table and each answer, before it is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.evaluate.question_result import QuestionResult
from bench.evaluate.results import Table
from bench.report import facts, old_facts
from bench.report.conclusions import caveats, conclusions
from bench.report.figures import Picture, pictures, svg
from bench.report.grid import Grid
from bench.report.grids import Section, sections
from bench.report.html.comparison import comparison
from bench.report.html.gallery import Gallery, gallery
from bench.report.html.headline import headline
from bench.report.html.panels import confusions, key_facts
from bench.report.html.reproduce import Recipe, recipe
from bench.report.html.sheet import Sheet, sheet, strong
from bench.report.levels import key_name
from bench.report.old_questions import by_context, means
from bench.report.questions import resting_on


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture of the page.

    Attributes:
        id: of its figure.
        title, caption: what stands around it.
        svg: the picture, with its text alternative.
    """

    id: str
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table and how to read it.

    Attributes:
        id: of its heading.
        title: its heading.
        sheet: the table.
        notes: sentences.
    """

    id: str
    title: str
    sheet: Sheet
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A comparison, as the page shows it.

    Attributes:
        id: of its heading; those of its parts begin with it.
        title, short: its name, and as the navigation has it.
        headline: what it says.
        comparison: who is better.
        pictures: of the comparison.
        parts: its other tables.
        confusions: what was called what.
        gallery: images that were called wrongly; None for none.
        key_facts: name, value and mark.
        counts: of its parts.
        resting_on, incidents: sentences.
        recipes: how to make each row again.
    """

    id: str
    title: str
    short: str
    headline: list[str]
    comparison: Part
    pictures: list[Drawing]
    parts: list[Part]
    confusions: list[Sheet]
    gallery: Gallery | None
    key_facts: list[tuple[str, str, str]]
    counts: Sheet
    resting_on: list[str]
    incidents: list[str]
    recipes: list[Recipe]


@dataclass(frozen=True, kw_only=True)
class AnswerSection:
    """The answer to a question, as the page shows it.

    Attributes:
        id: of its heading.
        answer: the answer.
        resting_on, conclusions, caveats: sentences; empty where there is no answer.
        effects: tables of each factor.
    """

    id: str
    answer: QuestionResult
    resting_on: list[str]
    conclusions: list[str]
    caveats: list[str]
    effects: list[Sheet]


def chapter(table: Table, place: int, *, thumbnails: int) -> Chapter:
    """What the page shows of a table.

    Args:
        table: the comparison.
        place: of it in the report, from 1.
        thumbnails: most images of each kind of mistake.

    Raises:
        InputError: the predictions of a run are gone or damaged.
    """
    data = table.data
    id = f"table-{place}"
    first, *others = sections(table, bold=strong)
    who = Part(
        id=f"{id}-comparison",
        title=first.grid.title,
        sheet=comparison(table, first.grid),
        notes=list(first.notes),
    )
    return Chapter(
        id=id,
        title=facts.title(table),
        short=f"{data.source} {data.task}, {data.split.name}, {data.image_size} px",
        headline=headline(table),
        comparison=who,
        pictures=[_drawing(picture, id) for picture in pictures(table)],
        parts=[
            _part(one, f"{id}-part-{n}", who, first.grid) for n, one in enumerate(others, start=1)
        ],
        confusions=confusions(table),
        gallery=gallery(table, most=thumbnails),
        key_facts=key_facts(table),
        counts=sheet(old_facts.counts(table), "Images and patients of each part", sortable=False),
        resting_on=facts.resting_on(table),
        incidents=facts.incidents(table),
        recipes=[recipe(row) for row in table.rows if row.runs],
    )


def answer_section(answer: QuestionResult, place: int) -> AnswerSection:
    """What the page shows of an answer.

    Args:
        answer: the answer.
        place: of it in the report, from 1.
    """
    id = f"question-{place}"
    if answer.problem:
        return AnswerSection(
            id=id, answer=answer, resting_on=[], conclusions=[], caveats=[], effects=[]
        )
    effects = []
    for factor in answer.factors:
        name = f"{key_name(factor.key)} (reference: {factor.reference})"
        effects.append(sheet(means(factor), f"Effect of {name}", sortable=False))
        if len([*factor.contexts, *factor.controls]) > 1:
            effects.append(
                sheet(by_context(factor), f"AUC at each level of {name}", sortable=False)
            )
    return AnswerSection(
        id=id,
        answer=answer,
        resting_on=resting_on(answer),
        conclusions=conclusions(answer),
        caveats=caveats(answer),
        effects=effects,
    )


def _part(section: Section, id: str, who: Part, names: Grid) -> Part:
    """A table; its rows are marked as those of the comparison where they are the same."""
    grid = section.grid
    plain = sheet(grid, grid.title)
    same = _row_names(grid, names.left) == _row_names(names, names.left)
    return Part(
        id=id,
        # What stands in brackets is for the caption alone.
        title=grid.title.partition(" (")[0],
        sheet=replace(plain, marks=who.sheet.marks) if same else plain,
        notes=list(section.notes),
    )


def _row_names(grid: Grid, left: int) -> list[Sequence[str]]:
    return [row[:left] for row in grid.body]


def _drawing(picture: Picture, of: str) -> Drawing:
    id = f"{of}-{picture.name}"
    bare = Markup(svg(picture.draw(), name=id).removeprefix("<svg"))
    label = Markup('<svg role="img" aria-label="{}"').format(picture.alt)
    return Drawing(id=id, title=picture.title, caption=picture.caption, svg=label + bare)
