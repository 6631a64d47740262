"""Pieces of GitHub-flavoured markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from bench.report.grid import Grid


def pipe_table(grid: Grid) -> str:
    """A table with pipes; a pipe in a cell is escaped."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in grid.body]
    return tabulate(
        escaped, headers=grid.head, tablefmt="pipe", colalign=grid.align, disable_numparse=True
    )


def bullets(lines: Sequence[str]) -> str:
    """A list, a line each."""
    return "\n".join(f"- {line}" for line in lines)
