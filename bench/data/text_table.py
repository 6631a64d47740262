"""Aligned tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate


def text_table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right.

    Args:
        heads: of the columns.
        body: rows of ready texts, each as long as ``heads``.
    """
    align = ("left", *["right"] * (len(heads) - 1))
    text = tabulate(body, headers=heads, tablefmt="simple", disable_numparse=True, colalign=align)
    return text.splitlines()
