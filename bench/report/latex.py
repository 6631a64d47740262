"""Tables for LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from tabulate import tabulate

from bench.evaluate.results import Table
from bench.report import facts
from bench.report.grid import Grid
from bench.report.grids import sections
from bench.report.report import Report

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
UNMARKED = {0: None, 1: None}
# What goes on a line of 17 cm in \\footnotesize, in characters of half an em.
LINE = 112
# From here on a cell of text is broken into lines, as are heads that are wider than their figures.
CELL = 26
HEAD = 12
GAP = 2
WANTED = (
    "Wants \\usepackage{booktabs}, and lines of 17 cm in a document of 10 pt: A4 with "
    "\\usepackage[margin=2cm]{geometry}.",
    "Lines of 345 pt, which article has by itself on paper of any size, are too short.",
)


def latex(report: Report) -> str:
    """All tables for LaTeX (package ``booktabs``), the facts and how to read them as comments.

    A table that is wider than a line of 17 cm (A4 with margins of 2 cm) goes on in another, which
    names the rows again.
    """
    blocks = [block for table in report.tables for block in _blocks(table)]
    return _comments(WANTED) + "\n".join(blocks) + _comments(facts.without_row(report))


def _blocks(table: Table) -> Iterator[str]:
    title = facts.title(table)
    yield _comments([title, *facts.resting_on(table), *facts.incidents(table)])
    for section in sections(table, bold=_bold):
        yield _comments(section.notes) + "\n".join(
            _float(piece, caption=f"{section.grid.title}: {title}")
            for piece in _narrow(section.grid)
        )


def _bold(text: str) -> str:
    return f"\0{text}\1"


def _narrow(grid: Grid) -> list[Grid]:
    """The grid in pieces that fit on a line, each with the columns that name its rows."""
    widths = [_width(grid, column) + GAP for column in range(len(grid.head))]
    pieces: list[list[int]] = [[]]
    for column in range(grid.left, len(grid.head)):
        used = sum(widths[: grid.left]) + sum(widths[one] for one in pieces[-1])
        if pieces[-1] and used + widths[column] > LINE:
            pieces.append([])
        pieces[-1].append(column)
    return [_columns(grid, [*range(grid.left), *piece]) for piece in pieces]


def _columns(grid: Grid, chosen: Sequence[int]) -> Grid:
    return Grid(
        head=[grid.head[column] for column in chosen],
        body=[[row[column] for column in chosen] for row in grid.body],
        left=grid.left,
        words=sum(column >= len(grid.head) - grid.words for column in chosen),
    )


def _width(grid: Grid, column: int) -> int:
    """In characters, once cells of text and heads are broken into lines."""
    widest = max((len(row[column].translate(UNMARKED)) for row in grid.body), default=0)
    if grid.align[column] == "left":
        widest = min(widest, CELL)
    return max(widest, *map(len, _head_lines(grid.head[column], widest)))


def _head_lines(head: str, width: int) -> list[str]:
    return wrap(head, max(width, HEAD), break_long_words=False) or [""]


def _float(grid: Grid, *, caption: str) -> str:
    text = tabulate(
        [
            [_cell(cell, align) for cell, align in zip(row, grid.align, strict=True)]
            for row in grid.body
        ],
        headers=[_head(grid, column) for column in range(len(grid.head))],
        tablefmt="latex_raw",
        colalign=grid.align,
        disable_numparse=True,
    )
    rules = iter(("\\toprule", "\\midrule", "\\bottomrule"))
    lines = [next(rules) if line == "\\hline" else line for line in text.splitlines()]
    return "\n".join(
        [
            "\\begin{table}[htbp]",
            "\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}",
            f"\\caption{{{caption.translate(ESCAPES)}}}",
            *lines,
            "\\end{table}\n",
        ]
    )


def _head(grid: Grid, column: int) -> str:
    width = _width(grid, column)
    lines = [line.translate(ESCAPES) for line in _head_lines(grid.head[column], width)]
    if len(lines) == 1:
        return lines[0]
    stacked = " \\\\ ".join(lines)
    return f"\\begin{{tabular}}[b]{{@{{}}{grid.align[column][0]}@{{}}}}{stacked}\\end{{tabular}}"


def _cell(text: str, align: str) -> str:
    escaped = text.translate(ESCAPES)
    if align == "right" or len(text) <= CELL:
        return escaped
    # Keys such as train.weight_decay=1e-05 have no space to break at.
    broken = "".join(
        sign.translate(ESCAPES) + ("\\allowbreak{}" if sign in ".=_" else "") for sign in text
    )
    return f"\\parbox[t]{{{CELL / 2:g}em}}{{\\raggedright {broken}}}"


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"% {' '.join(line.split())}\n" for line in lines)
