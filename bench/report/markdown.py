"""Tables and answers as GitHub-flavoured markdown."""

from __future__ import annotations

from bench.evaluate.results import Table
from bench.report import facts
from bench.report.grids import sections
from bench.report.pipe import bullets, pipe_table
from bench.report.questions import markdown_questions
from bench.report.report import Report


def markdown(report: Report) -> str:
    """GitHub-flavoured markdown: each table with the facts that it rests on, then the answers."""
    parts = [
        *(_table(table) for table in report.tables),
        *(f"{line}\n" for line in facts.without_row(report)),
        *([markdown_questions(report.answers)] if report.answers else []),
    ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    parts = [
        f"## {facts.title(table)}",
        pipe_table(facts.counts(table)),
        bullets(facts.resting_on(table)),
    ]
    for section in sections(table, bold=_bold):
        parts += [f"### {section.grid.title}", pipe_table(section.grid), *section.notes]
    incidents = facts.incidents(table)
    if incidents:
        parts += ["### What happened to single runs", bullets(incidents)]
    return "\n\n".join(parts) + "\n"


def _bold(text: str) -> str:
    return f"**{text}**"
