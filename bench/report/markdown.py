"""Tables as GitHub-flavoured markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import cells, facts
from bench.report.collect import Table
from bench.report.legend import legend
from bench.report.pipe import bullets, pipe_table
from bench.runs import Unfinished


def markdown(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All tables as GitHub-flavoured markdown, each with the facts that it rests on.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended.
    """
    text = "\n".join(_table(table) for table in tables)
    return text + "".join(f"\n{line}\n" for line in facts.still_open(unfinished))


def _table(table: Table) -> str:
    sections = [
        f"## {facts.title(table)}",
        pipe_table(facts.counts(table)),
        bullets(facts.resting_on(table)),
        pipe_table(cells.comparison(table, bold=_bold)),
        "\n\n".join(legend(table)),
    ]
    for grid in cells.per_finding(table, bold=_bold):
        sections += [f"### {grid.title}", pipe_table(grid)]
    incidents = facts.incidents(table)
    if incidents:
        sections.append(bullets(incidents))
    return "\n\n".join(sections) + "\n"


def _bold(text: str) -> str:
    return f"**{text}**"
