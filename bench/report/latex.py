"""Tables for LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from bench.report import cells, facts
from bench.report.collect import Table
from bench.report.grid import Grid
from bench.report.legend import legend
from bench.runs import Unfinished

# NUL and SOH, which no cell holds otherwise, stand for bold on and off.
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
        "\0": r"\textbf{",
        "\1": "}",
    }
)


def latex(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All comparison tables for LaTeX (package ``booktabs``), the facts as comments.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended.
    """
    blocks = []
    for table in tables:
        remarks = [
            facts.title(table),
            *facts.resting_on(table),
            *legend(table),
            *facts.incidents(table),
        ]
        blocks.append(_comments(remarks) + _grid(cells.comparison(table, bold=_bold)))
        blocks += [
            _comments([grid.title]) + _grid(grid) for grid in cells.per_finding(table, bold=_bold)
        ]
    return "\n".join(blocks) + _comments(facts.still_open(unfinished))


def _bold(text: str) -> str:
    return f"\0{text}\1"


def _grid(grid: Grid) -> str:
    text = tabulate(
        [[cell.translate(ESCAPES) for cell in row] for row in grid.body],
        headers=[head.translate(ESCAPES) for head in grid.head],
        tablefmt="latex_raw",
        colalign=grid.align,
        disable_numparse=True,
    )
    rules = iter(("\\toprule", "\\midrule", "\\bottomrule"))
    lines = [next(rules) if line == "\\hline" else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"% {line}\n" for line in lines)
