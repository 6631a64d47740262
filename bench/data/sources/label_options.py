"""Labels of a table whose form the user's options describe, apart from what its rows are of."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import Field

from bench.data.sources.finding_columns import (
    ABNORMAL,
    BLANK,
    NEGATIVE,
    OTHER,
    POSITIVE,
    UNCERTAIN,
    Policy,
    cell_code,
    find_columns,
    holds_findings,
    read_finding_columns,
)
from bench.data.sources.labels import LabelColumn, ReadLabels, SeveralRows, join_rows, parse_labels
from bench.data.sources.table import Header, Table
from bench.data.sources.words import BOOLEANS, NORMAL, UNKNOWN, fold
from bench.errors import InputError
from bench.registry.options import FileOptions
from bench.text import printable

# Kaggle's form of a mask: pairs of a start and a length, in pixels.
_RUN_LENGTHS = re.compile(r"\d+ \d+( \d+ \d+)*")


class LabelOptions(FileOptions):
    """Base of the options of sources whose labels are in a table."""

    header: Header = "first"
    """``none`` where the first row is no header; the columns are then called 1, 2, 3, …"""
    label_column: str = "label"
    """The column of labels; not read where there are finding_columns."""
    finding_columns: tuple[str, ...] | None = None
    """Columns that hold 1, 0, -1 or nothing for a finding each, by names or patterns ("*": all
    such columns). A column of normal images, such as No Finding, is understood as that.
    """
    blank: Policy = "negative"
    """A blank cell of finding_columns: ``negative``, as CheXpert's authors take a finding that the
    report does not mention; ``positive``; or ``drop``, which leaves the image out.
    """
    uncertain: Policy = "drop"
    """A cell of finding_columns that is -1: ``negative``, ``positive``, or ``drop``, which leaves
    the image out.
    """
    several_rows: SeveralRows = "agree"
    """Rows of one image must ``agree`` in its findings, or ``union`` joins their findings."""
    normal_labels: tuple[str, ...] = NORMAL
    """Labels of a normal image, in any case, with blanks or underscores. Of the texts that
    otherwise count as no label (nan, nat, na, <na>, n/a, none, null, ?, -, unknown) those named
    here are normal.
    """
    label_separator: str = Field(default="|", min_length=1)
    """Text between two findings of one image."""
    findings: tuple[str, ...] | None = None
    """The finding names, in the order of reports; left out, those that occur, which a note counts.
    """


def read_label_table(
    table: Table,
    options: LabelOptions,
    *,
    images: Sequence[str],
    beside: Mapping[str, Sequence[str]],
    taken: Collection[str],
) -> LabelColumn:
    """Read the labels of a table, as the options say.

    ``beside`` is what else the rows of one image must agree in, by the column's name; columns that
    are ``taken`` (of paths, patients, …) hold no labels.
    """
    normal = {fold(label) for label in options.normal_labels}
    columns: Sequence[str] = []
    if options.finding_columns is not None:
        columns = find_columns(table, options.finding_columns, taken=taken)
    elif _marks_normal(table, options, normal):
        columns = [str(table.find(options.label_column))]
    if columns and options.findings is not None:
        raise InputError(
            "data.options.findings: the names of data.options.finding_columns are the findings, "
            "in the order of the file: leave one of the two out"
        )
    labels, names, notes = (
        read_finding_columns(
            table,
            columns,
            normal={*normal, *NORMAL},
            blank=options.blank,
            uncertain=options.uncertain,
        )
        if columns
        else _read_one_column(table, options, normal, taken=taken)
    )
    return join_rows(
        images, labels, names=names, beside=beside, several_rows=options.several_rows, notes=notes
    )


def _marks_normal(table: Table, options: LabelOptions, normal: Collection[str]) -> bool:
    """Whether the label column has 1 for normal images and no 0, as CheXpert's "No Finding"."""
    name = table.find(options.label_column)
    if name is None or options.findings is not None or set(normal) & BOOLEANS.keys():
        return False
    column = table.rows[name]
    is_normal = fold(name) in {*normal, *NORMAL}
    return is_normal and holds_findings(column) and NEGATIVE not in map(cell_code, column.unique())


def _read_one_column(
    table: Table, options: LabelOptions, normal: Collection[str], *, taken: Collection[str]
) -> ReadLabels:
    if table.find(options.label_column) is None:
        _refuse_without_column(table, options, taken)
    column = table.column(options.label_column, option="data.options.label_column")
    texts = column.tolist()
    unlabelled = UNKNOWN - set(normal) - {fold(name) for name in options.findings or ()}
    given = {text for text in texts if text and fold(text) not in unlabelled}
    _refuse_uncertain(table, options, given - {*(options.findings or ())}, normal)
    booleans = {text for text in given if fold(text) in BOOLEANS}
    # Zeros and ones are names like any other where the options give them a meaning.
    booleans_are_names = bool(set(normal) & BOOLEANS.keys()) or (
        options.findings is not None and ABNORMAL not in options.findings
    )
    if booleans and not booleans_are_names:
        if words := sorted(given - booleans):
            raise InputError(
                f"{table.at(texts.index(words[0]))}: column {options.label_column!r} mixes "
                f"{' and '.join(sorted(booleans))} with other labels, such as {words[0]!r}: use "
                "one kind, or name the normal labels in data.options.normal_labels"
            )
        # 1 in a column called "No Finding" is a normal image.
        abnormal = fold(options.label_column) not in {*normal, *NORMAL}
        meanings = {
            text: ABNORMAL if BOOLEANS[fold(text)] == abnormal else "normal" for text in booleans
        }
        texts = [meanings.get(text, text) for text in texts]
        normal = {"normal"}
    labels, names, notes = parse_labels(
        texts,
        separator=options.label_separator,
        normal=normal,
        known=options.findings,
        unlabelled=unlabelled,
    )
    # As a column of one finding has.
    if {cell_code(text) for text in column.unique()} == {POSITIVE, BLANK}:
        head = str(column.name)
        notes += (
            f"column {printable(head)!r} holds 1 and blanks alone: if a blank is a normal image, "
            f"--set 'data.options.finding_columns=[{json.dumps(head)}]'",
        )
    return labels, names, notes


def _refuse_without_column(table: Table, options: LabelOptions, taken: Collection[str]) -> None:
    """Say how a file is read that has a column for each finding, if it has."""
    columns = [name for name in table.names if name not in taken]
    if sum(holds_findings(table.rows[name]) for name in columns) > 1:
        raise InputError(
            f"{table.name} has no column {options.label_column!r} (data.options.label_column), and "
            "seems to have a column for each finding: --set 'data.options.finding_columns=[\"*\"]' "
            "reads them all; or name those that you want"
        )


def _refuse_uncertain(
    table: Table, options: LabelOptions, given: Collection[str], normal: Collection[str]
) -> None:
    """Never take -1, which is uncertain in the files that have it, for a finding."""
    codes = {text: cell_code(text) for text in given if fold(text) not in normal}
    uncertain = sorted(text for text, code in codes.items() if code == UNCERTAIN)
    if not uncertain:
        return
    name = str(table.find(options.label_column))
    row = table.rows[name].tolist().index(uncertain[0])
    others = sorted(text for text, code in codes.items() if code == OTHER)
    if others and all(map(_RUN_LENGTHS.fullmatch, others)):
        raise InputError(
            f"column {printable(name)!r} of {table.name} holds run lengths of masks, and -1 where "
            "there is none: add a column with 0 where it is -1, else 1, and name that one with "
            "data.options.label_column"
        )
    hint = (
        f"beside labels such as {printable(others[0])!r}: write in words what it means, or name it "
        "in data.options.normal_labels or data.options.findings"
        if others
        else f"which is no label: --set 'data.options.finding_columns=[{json.dumps(name)}]' reads "
        "such a column, and data.options.uncertain says what -1 is"
    )
    raise InputError(f"{table.at(row)}: column {printable(name)!r} holds {uncertain[0]!r}, {hint}")
