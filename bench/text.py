"""Text for a terminal: names from files on one line, and aligned tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def printable(text: str) -> str:
    r"""A text with line breaks and other unprintable characters escaped as Python writes them.

    Args:
        text: for example a file name, which may hold any character: ``"a\nb.png"`` becomes
            ``"a\\nb.png"``.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def first_names(names: Sequence[str], limit: int) -> str:
    """The first names of a list, printable, and how many more there are.

    Args:
        names: all of them.
        limit: how many to write out.
    """
    text = printable(", ".join(names[:limit]))
    return f"{text} and {len(names) - limit:,} more" if len(names) > limit else text


def text_table(frame: pd.DataFrame) -> list[str]:
    """Lines of a table: the index to the left, the columns of ready texts to the right."""
    from tabulate import tabulate

    align = ("left", *["right"] * len(frame.columns))
    heads = (frame.index.name or "", *frame.columns)
    rows = [(label, *row) for label, *row in frame.itertuples()]
    text = tabulate(rows, headers=heads, tablefmt="simple", disable_numparse=True, colalign=align)
    return text.splitlines()
