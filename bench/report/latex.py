"""Tables for LaTeX."""

from __future__ import annotations

from collections.abc import Iterable

from bench.evaluate.results import Results
from bench.report import facts
from bench.report.columns import Section, TableCell
from bench.report.external import external_sections, stale_runs
from bench.report.formatting import one_line
from bench.report.notes import glossary
from bench.report.sections import sections
from bench.report.text import render

ESCAPES = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%#_${}"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
        "†": r"$\dagger$",
        "–": "--",
    }
)


def latex(results: Results) -> str:
    """All tables for LaTeX, with what they rest on and how to read them as comments.

    A table that is wider than the line is scaled to it.
    """
    return render(
        "report.tex.j2",
        results=results,
        title=facts.title,
        resting_on=facts.resting_on,
        incidents=facts.incidents,
        without_row=facts.without_row,
        sections=sections,
        external=external_sections(results.external),
        stale=stale_runs(results.stale),
        terms=[f"{term}: {meaning}" for term, meaning in glossary(results)],
        tabular=tabular,
        comments=comments,
        escape=escape,
    )


def tabular(section: Section) -> str:
    """The ``tabular`` of a table, with the rules of ``booktabs``."""
    head = [escape(column.head) for column in section.columns]
    body = zip(*(map(_cell, column.cells) for column in section.columns), strict=True)
    first, *others = [f"{' & '.join(line)} \\\\" for line in (head, *body)]
    align = "".join(column.align[0] for column in section.columns)
    begin, end = f"\\begin{{tabular}}{{{align}}}", "\\end{tabular}"
    return "\n".join([begin, "\\toprule", first, "\\midrule", *others, "\\bottomrule", end])


def escape(text: str) -> str:
    """A text in which TeX reads no sign."""
    return text.translate(ESCAPES)


def comments(lines: Iterable[str]) -> str:
    """Lines that TeX does not read."""
    return "\n".join(f"% {one_line(line)}" for line in lines)


def _cell(cell: TableCell) -> str:
    text = f"\\textbf{{{escape(cell.text)}}}" if cell.bold else escape(cell.text)
    detail = f"({escape(cell.detail)})" if cell.detail else ""
    return " ".join(filter(None, [text, detail, escape(cell.mark)]))
