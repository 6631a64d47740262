"""Text for a terminal: names from files on one line, and aligned tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def printable(text: str) -> str:
    r"""A text with line breaks and other unprintable characters escaped as Python writes them.

    Args:
        text: for example a file name, which may hold any character: ``"a\nb.png"`` becomes
            ``"a\\nb.png"``.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shortened(text: str, most: int) -> str:
    """A text of at most so many signs, its middle left out: ``error: a/b/ … /y/z is not there``."""
    if len(text) <= most:
        return text
    left_out = " … "
    kept = most - len(left_out)
    return text[: kept - kept // 2] + left_out + text[len(text) - kept // 2 :]


def first_names(names: Sequence[str], limit: int) -> str:
    """The first names of a list, printable, and how many more there are."""
    text = printable(", ".join(names[:limit]))
    return f"{text} and {len(names) - limit:,} more" if len(names) > limit else text


def plain_table(rows: Sequence[Mapping[str, str]], *, numbers: Collection[str] = ()) -> str:
    """A table with a line under its heads.

    Args:
        rows: texts by the column's head; one row at least, all with the same columns.
        numbers: the heads of columns that are aligned to the right.
    """
    from tabulate import tabulate

    return tabulate(
        [list(row.values()) for row in rows],
        headers=list(rows[0]),
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if head in numbers else "left" for head in rows[0]],
    )


def figures_table(name: str, rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Lines of a table of figures, aligned to the right of the rows' labels."""
    if not rows:
        return [f"{name}: none"]
    heads = next(iter(rows.values()))
    labelled = [{name: label, **row} for label, row in rows.items()]
    return plain_table(labelled, numbers=heads).splitlines()
