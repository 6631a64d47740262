"""Results as GitHub-flavoured markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from bench.evaluate.external import ExternalTable
from bench.evaluate.question_result import QuestionResult
from bench.evaluate.results import Results
from bench.report import facts
from bench.report.columns import Section, TableCell
from bench.report.external import external_sections, stale_runs
from bench.report.formatting import one_line
from bench.report.notes import glossary
from bench.report.questions import answer_sections
from bench.report.sections import parts, sections
from bench.report.text import render
from bench.report.verdict import verdict_text
from bench.text import printable

# Backticks, asterisks, pipes, what begins a tag or an autolink, what makes brackets a link, and
# at the start what makes a line a heading, a quotation or a list. Other signs are left as they are:
# "<0.001", "cxnet_m1", "-0.5" and "[0, 1]" mean nothing to Markdown.
_MARKUP = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])|[`*|]|<(?=[A-Za-z/!?])|(?<=\])[(:\[]|\A[#>]|\A[+-](?=\s)"
)


def markdown(results: Results) -> str:
    """Each table under its verdict, then the answers to questions, then a glossary."""
    text = fill(
        "report.md.j2",
        results=results,
        title=facts.title,
        verdict_text=verdict_text,
        parts=parts,
        resting_on=facts.resting_on,
        sections=sections,
        incidents=facts.incidents,
        without_row=facts.without_row,
        glossary=glossary,
        answer=markdown_answer,
        external_validation=lambda results: markdown_external(results.external, results.stale),
    )
    return text + "\n"


def markdown_answer(answer: QuestionResult) -> str:
    """A section on one question."""
    return fill("question.md.j2", found=answer_sections(answer))


def markdown_external(tables: Sequence[ExternalTable], stale: Sequence[str] = ()) -> str:
    """A section on networks on data that they were not trained on."""
    return fill("external.md.j2", sections=external_sections(tables), stale=stale_runs(stale))


def fill(name: str, **context: Any) -> str:
    """A filled Markdown template, which can call ``pipe_table``, ``bullets`` and ``escape``."""
    text = render(name, **context, pipe_table=pipe_table, bullets=bullets, escape=escape)
    return text.rstrip()


def escape(text: str) -> str:
    """A text on one line in which Markdown reads no markup; an ordinary name stays as it is."""
    return _MARKUP.sub(r"\\\g<0>", printable(one_line(text)))


def pipe_table(section: Section) -> str:
    """A table with pipes."""
    columns = [[_cell(cell) for cell in column.cells] for column in section.columns]
    return tabulate(
        [*zip(*columns, strict=True)],
        headers=[escape(column.head) for column in section.columns],
        tablefmt="pipe",
        colalign=[column.align for column in section.columns],
        disable_numparse=True,
    )


def bullets(lines: Iterable[str]) -> str:
    """A list, a line each."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def _cell(cell: TableCell) -> str:
    text = f"**{escape(cell.text)}**" if cell.bold else escape(cell.text)
    detail = f"({escape(cell.detail)})" if cell.detail else ""
    return " ".join(filter(None, [text, detail, cell.mark]))
