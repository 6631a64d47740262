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
        left: how many of the first columns are text, which name the row.
        title: "" where the table needs none.
        words: how many of the last columns are text; those between are numbers.
    """

    head: Sequence[str]
    body: Sequence[Sequence[str]]
    left: int
    title: str = ""
    words: int = 0

    @property
    def align(self) -> list[str]:
        """``left`` or ``right`` for each column."""
        numbers = len(self.head) - self.left - self.words
        return ["left"] * self.left + ["right"] * numbers + ["left"] * self.words
