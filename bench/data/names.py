"""Names from files, as they stand in messages of one line."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""A text with line breaks and other unprintable characters escaped as Python writes them.

    Args:
        text: for example a file name, which may hold any character: ``"a\nb.png"`` becomes
            ``"a\\nb.png"``.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def first_names(names: list[str], limit: int) -> str:
    """The first names of a list, printable, and how many more there are.

    Args:
        names: all of them.
        limit: how many to write out.
    """
    text = printable(", ".join(names[:limit]))
    return f"{text} and {len(names) - limit:,} more" if len(names) > limit else text
