"""Label files with a column for each finding, as CheXpert and MIMIC-CXR have.

A cell is 1 (positive), 0 (negative), -1 (uncertain) or blank (the report does not mention the
finding): Irvin et al., "CheXpert", AAAI 2019.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.sources.labels import Label, ReadLabels
from bench.data.sources.table import Table
from bench.data.sources.words import BOOLEANS, UNKNOWN, fold
from bench.errors import InputError
from bench.text import printable

ABNORMAL = "abnormal"
"""The one finding of a column that says no more than normal or not."""

OPTION = "data.options.finding_columns"

Policy = Literal["negative", "positive", "drop"]
"""Meaning of a blank or uncertain cell; ``drop`` leaves the image out."""

POSITIVE, NEGATIVE, UNCERTAIN, BLANK, OTHER = 1, 0, -1, 2, 3

# A dash, a question mark and "unknown" say more than a blank does, and not enough.
_BLANK = UNKNOWN - {"-", "?", "unknown"}
_NUMBERS = {1.0: POSITIVE, 0.0: NEGATIVE, -1.0: UNCERTAIN}
_MEANINGS: dict[Policy, int] = {"negative": NEGATIVE, "positive": POSITIVE}


def cell_code(text: str) -> int:
    """The meaning of a cell: POSITIVE, NEGATIVE, UNCERTAIN, BLANK, or OTHER for any other text."""
    word = fold(text)
    if word in BOOLEANS:
        return POSITIVE if BOOLEANS[word] else NEGATIVE
    if word in _BLANK:
        return BLANK
    try:
        return _NUMBERS.get(float(word.replace(",", ".")), OTHER)
    except ValueError:
        return OTHER


def find_columns(table: Table, patterns: Sequence[str], *, taken: Collection[str]) -> list[str]:
    """The names of the columns of findings, in the order of the file.

    A shell pattern chooses of the columns that fit it those with no other cells than 1, 0, -1 and
    blank ones, not all of them blank, and passes over those that are ``taken``: something else.
    """
    chosen = set()
    for pattern in patterns:
        if pattern in table.rows or not set(pattern) & set("*?["):
            chosen.add(str(table.column(pattern, option=OPTION).name))
            continue
        fitting = [
            name
            for name in table.names
            if fnmatchcase(name, pattern) and name not in taken and holds_findings(table.rows[name])
        ]
        if not fitting:
            raise InputError(
                f"{table.name} has no column that fits {printable(pattern)!r} ({OPTION}) and holds "
                "1, 0, -1 and blank cells alone: name the columns"
            )
        chosen.update(fitting)
    return [name for name in table.names if name in chosen]


def holds_findings(column: pd.Series[str]) -> bool:
    """Whether a column has no other cells than 1, 0, -1 and blank ones, and not blank ones alone.

    A column without a name is none: it numbers the rows of a file that pandas wrote.
    """
    codes = {cell_code(text) for text in column.unique()}
    named = not str(column.name).startswith("unnamed ")
    return named and OTHER not in codes and bool(codes - {BLANK})


def read_finding_columns(
    table: Table,
    columns: Sequence[str],
    *,
    normal: Collection[str],
    blank: Policy,
    uncertain: Policy,
) -> ReadLabels:
    """Read the labels of a table with a column for each finding.

    A column of normal images ("No Finding", folded in ``normal``) is no finding: its 1 is a normal
    image. Beside columns of findings its other cells say nothing; an image with neither a 1 there
    nor a finding is left out, as nobody can tell what it shows. Alone, it makes of all other
    images the finding "abnormal".

    Returns:
        Each row's label, the names of the findings, and a note that counts the cells.
    """
    codes = np.stack([_codes(table, name) for name in columns], axis=1)
    note = _about_cells(columns, codes, {"blank": blank, "uncertain": uncertain})
    is_normal = np.array([fold(name) in normal for name in columns], dtype=np.bool_)
    if not is_normal.all():
        # What is not normal needs no mark: the columns of its findings speak.
        marks = codes[:, is_normal]
        codes[:, is_normal] = np.where(marks == BLANK, NEGATIVE, marks)

    def label(row: NDArray[np.int8]) -> Label:
        if uncertain == "drop" and (row == UNCERTAIN).any():
            return Label(left_out="uncertain in a column of findings")
        if blank == "drop" and (row == BLANK).any():
            return Label(left_out="blank in a column of findings")
        row = np.where(row == UNCERTAIN, _MEANINGS.get(uncertain, NEGATIVE), row)
        positive = np.where(row == BLANK, _MEANINGS.get(blank, NEGATIVE), row) == POSITIVE
        if is_normal.all():
            return Label(findings=() if positive.any() else (ABNORMAL,))
        names = [name for name, flag in zip(columns, positive & ~is_normal, strict=True) if flag]
        if not names and is_normal.any() and not positive.any():
            return Label(left_out="neither normal nor with a finding")
        return Label(findings=tuple(sorted(names)))

    by_codes = {row.tobytes(): row for row in codes}  # a few, of many rows
    labels = {key: label(row) for key, row in by_codes.items()}
    findings = tuple(name for name, flag in zip(columns, is_normal, strict=True) if not flag)
    return [labels[row.tobytes()] for row in codes], findings or (ABNORMAL,), (note,)


def _codes(table: Table, name: str) -> NDArray[np.int8]:
    column = table.rows[name]
    codes = {text: cell_code(text) for text in column.unique()}
    found = column.map(codes).to_numpy(dtype=np.int8)
    wrong = np.flatnonzero(found == OTHER)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{table.at(row)}: column {printable(name)!r} holds {printable(column[row])!r} "
            f"({len(wrong):,} such cells), where 1, 0, -1 or nothing is wanted ({OPTION}): mend "
            "it, or leave the column out"
        )
    return found


def _about_cells(
    columns: Sequence[str], codes: NDArray[np.int8], policies: Mapping[str, Policy]
) -> str:
    """A note on the cells of each column, and on what became of those that are not 1 or 0."""
    kinds = (POSITIVE, NEGATIVE, BLANK, UNCERTAIN)
    counts = [
        f"{printable(name)} " + "/".join(f"{int((cells == kind).sum()):,}" for kind in kinds)
        for name, cells in zip(columns, codes.T, strict=True)
    ]
    policy = ", ".join(
        f"{kind} " + ("left out" if policy == "drop" else f"taken as {policy}")
        for kind, policy in policies.items()
    )
    return f"rows positive/negative/blank/uncertain: {', '.join(counts)}; {policy}"
