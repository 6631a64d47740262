"""Results as GitHub-flavoured markdown."""

from __future__ import annotations

from collections.abc import Iterable

from tabulate import tabulate

from bench.evaluate.question_result import QuestionResult
from bench.evaluate.results import Results
from bench.report import facts
from bench.report.card import card_text
from bench.report.columns import Section, TableCell
from bench.report.notes import glossary
from bench.report.questions import answer_sections
from bench.report.sections import parts, sections
from bench.report.text import render


def markdown(results: Results) -> str:
    """Each table under its verdict, then the answers to questions, then a glossary."""
    text = render(
        "report.md.j2",
        results=results,
        title=facts.title,
        card_text=card_text,
        parts=parts,
        resting_on=facts.resting_on,
        sections=sections,
        incidents=facts.incidents,
        without_row=facts.without_row,
        glossary=glossary,
        answer=markdown_answer,
        pipe_table=pipe_table,
        bullets=bullets,
    )
    return text.rstrip() + "\n"


def markdown_answer(answer: QuestionResult) -> str:
    """A section on one question."""
    return render(
        "question.md.j2", found=answer_sections(answer), pipe_table=pipe_table, bullets=bullets
    ).rstrip()


def pipe_table(section: Section) -> str:
    """A table with pipes; a pipe in a cell is escaped."""
    columns = [
        [_cell(cell).replace("|", "\\|") for cell in column.cells] for column in section.columns
    ]
    return tabulate(
        [*zip(*columns, strict=True)],
        headers=[column.head for column in section.columns],
        tablefmt="pipe",
        colalign=[column.align for column in section.columns],
        disable_numparse=True,
    )


def bullets(lines: Iterable[str]) -> str:
    """A list, a line each."""
    return "\n".join(f"- {line}" for line in lines)


def _cell(cell: TableCell) -> str:
    text = f"**{cell.text}**" if cell.bold else cell.text
    return " ".join(filter(None, [text, f"({cell.detail})" if cell.detail else "", cell.mark]))
