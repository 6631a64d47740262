"""A table of text, before it is markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Heads and cells.

    Attributes:
        head: of the columns.
        body: the cells, row by row.
        left: how many of the first columns are text; the others are numbers.
        title: "" where the table needs none.
    """

    head: Sequence[str]
    body: Sequence[Sequence[str]]
    left: int
    title: str = ""

    @property
    def align(self) -> list[str]:
        """``left`` or ``right`` for each column."""
        return ["left"] * self.left + ["right"] * (len(self.head) - self.left)
