"""Tables of text from the files that people have: CSV in its many forms, and Excel.

The delimiter and the encoding are seen from the file itself, whatever its name: a comma, semicolon
or tab, or runs of blanks; UTF-8 with or without its mark, UTF-16 with it, or else Windows-1252.
The file may be compressed with gzip. RFC 4180 says how cells are quoted.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import Literal

import pandas as pd

from bench.data.sources.excel import read_workbook
from bench.data.sources.words import fold
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.text import printable

Header = Literal["first", "none"]
"""Whether the names of the columns stand in the first row, or nowhere."""

TABLES = (".csv", ".tsv", ".txt", ".xlsx")
"""Suffixes, in lower case, of files that are looked into for a table where none is named."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}
"""Delimiters of cells, and their names in notes."""


def is_table(name: str) -> bool:
    """Whether a file may be a table by its name, compressed or not."""
    return name.lower().removesuffix(".gz").endswith(TABLES)


TITLES = 20  # rows in which a header may be, below titles

SAMPLE = 1000  # rows by which the delimiter is found

# A list divided by blanks may have a few names that hold one.
MOSTLY = 0.9

_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # of .xls, and of .xlsx files with a password
_HINT = re.compile(r"\s*\"?sep=([,;\t|])\"?\s*", re.IGNORECASE)  # Excel's line above the header
_DATA = re.compile(r"[-+]?\d+([.,]\d+)?|.*\.(png|jpe?g|tiff?|dcm|dicom)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The cells of a table file."""

    name: str  # of the file, printable
    rows: list[list[str]]  # the stripped cells of each row that is not empty
    lines: list[int]  # the number of each row's last line in the file (of its row in Excel), from 1
    # One fact at most, on how a file was read that is no plain CSV file in UTF-8.
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table of text."""

    name: str  # of the file, printable
    # Stripped text (dtype object, never missing), index 0..n-1; the columns have unique names, and
    # are called "1", "2", ... where the file has no header.
    rows: pd.DataFrame
    lines: list[int]  # the number of each row's last line in the file (of its row in Excel), from 1
    header: Header = "first"  # where the names come from
    notes: tuple[str, ...] = ()  # facts for the head of every report

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return [str(name) for name in self.rows.columns]

    def at(self, row: int) -> str:
        """The place of a row (from 0) for messages: ``"labels.csv, line 7"``."""
        return f"{self.name}, line {self.lines[row]}"

    def find(self, name: str) -> str | None:
        """The name of a column as the file has it; None where there is none.

        Case, blanks and underscores may differ, where they do from that of one column alone.
        """
        if name in self.rows:
            return name
        alike = [head for head in self.names if fold(head) == fold(name)]
        return alike[0] if len(alike) == 1 else None

    def column(self, name: str, *, option: str) -> pd.Series[str]:
        """The texts of a column (:meth:`find`), which ``option`` names in the message."""
        if (found := self.find(name)) is not None:
            return self.rows[found]
        hint = printable(near_matches(name, self.names))
        if data := [] if self.header == "none" else self._heads_like_data():
            hint = (
                f"its first line looks like data ({printable(data[0])!r}): where it has no header, "
                f"--set data.options.header=none and give {option} a column's number, from 1"
            )
        first = self.rows.to_numpy()[:TITLES].tolist()
        above = next((row for row, cells in enumerate(first) if name in cells), None)
        if above is not None:
            hint = f"{self.at(above)} holds it: if that is the header, remove what stands above"
        # A sheet or delimiter that is not meant explains it.
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        raise InputError(f"{self.name} has no column {printable(name)!r} ({option}): {hint}{notes}")

    def _heads_like_data(self) -> list[str]:
        """The heads of columns that are rather cells of a file without a header."""
        files_and_numbers = [head for head in self.names if _DATA.fullmatch(head)]
        return files_and_numbers or [head for head in self.names if head in set(self.rows[head])]


def read_table(file: Path, *, header: Header = "first") -> Table:
    """Read a table file.

    Raises:
        InputError: the file cannot be read, is empty, has two columns of one name, or rows that
            are longer or shorter than the others.
    """
    cells = read_cells(file)
    rows, lines, name = cells.rows, cells.lines, cells.name
    notes = list(cells.notes)
    if header == "none":
        names = [str(number) for number in range(1, len(rows[0]) + 1)]
        notes.append(f"{name}: no header, columns numbered 1 to {len(names)}")
    else:
        _refuse_title(cells)
        names = [cell or f"unnamed {n}" for n, cell in enumerate(rows[0], start=1)]
        rows, lines = rows[1:], lines[1:]
        if repeated := sorted(column for column, count in Counter(names).items() if count > 1):
            raise InputError(
                f"{name} has more than one column {printable(repeated[0])!r}: rename or remove "
                "the others"
                + (
                    ", or --set data.options.header=none where its first line is no header"
                    if any(map(_DATA.fullmatch, names))
                    else ""
                )
            )
    _fit(rows, lines, first=cells.rows[0], name=name)
    frame = pd.DataFrame(rows, columns=pd.Index(names, dtype=object), dtype=object)
    return Table(name=name, rows=frame, lines=lines, header=header, notes=tuple(notes))


def _refuse_title(cells: Cells) -> None:
    """Refuse a first row that begins as a title does, and names less than half of the columns."""
    filled = [sum(map(bool, row)) for row in cells.rows[:TITLES]]
    if cells.rows[0][0] and 2 * filled[0] < max(filled):
        header = filled.index(max(filled))
        raise InputError(
            f"{cells.name}: line {cells.lines[0]} has text in {filled[0]} of {max(filled)} "
            f"columns: if line {cells.lines[header]} is the header "
            f"({printable(', '.join(cells.rows[header]))}), remove what stands above it"
        )


def read_cells(file: Path) -> Cells:
    """Read the cells of a table file, at least one row; rows may be of different lengths."""
    name = printable(file.name)
    try:
        content = file.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{name} is compressed, and damaged: copy it anew") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name} cannot be read: {reason.lower()}") from None
    if content.startswith(_OLD_OFFICE):
        raise InputError(
            f"{name} is an old Excel file (.xls) or has a password: save it as .xlsx without one, "
            "or as CSV"
        )
    if content.startswith(_ZIP):
        rows, lines, facts = read_workbook(content, name)
    else:
        rows, lines, facts = _read_text(content, name)
    filled = list(map(any, rows))
    if not any(filled):
        raise InputError(f"{name} is empty")
    if empty := filled.count(False):
        facts.append(f"{empty:,} empty row{'s' * (empty > 1)} left out")
        rows, lines = list(compress(rows, filled)), list(compress(lines, filled))
    notes = (f"{name}: {', '.join(facts)}",) if facts else ()
    return Cells(name=name, rows=rows, lines=lines, notes=notes)


def _read_text(content: bytes, name: str) -> tuple[list[list[str]], list[int], list[str]]:
    """The stripped cells of a text, the line of each row, and how it was read."""
    text, facts = _decode(content, name)
    first, end, rest = text.partition("\n")
    hint = _HINT.fullmatch(first)
    delimiter = hint[1] if hint else _delimiter(text)
    if hint:
        text = rest
    if delimiter != ",":
        facts.append(f"columns divided by {DELIMITERS.get(delimiter, repr(delimiter))}")
    reader = csv.reader(
        _lines(text, delimiter), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    skipped = 1 if hint and end else 0
    rows, lines = [], []
    try:
        for cells in reader:
            if cells:  # a blank line is no row at all
                rows.append(list(map(str.strip, cells)))
                lines.append(reader.line_num + skipped)
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"{name}, line {reader.line_num + skipped}: {error} (a quotation mark may be without "
            "its partner)"
        ) from None
    return rows, lines, facts


def _decode(content: bytes, name: str) -> tuple[str, list[str]]:
    """The text of a file, and its encoding where that is not UTF-8."""
    encodings = {"utf-8-sig": "", "cp1252": "Windows-1252"}
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = {"utf-16": "UTF-16"}
    elif content.startswith(codecs.BOM_UTF8):
        encodings = {"utf-8-sig": ""}
    for encoding, label in encodings.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, [f"text in {label}"] if label else []
    raise InputError(f"{name} is no text file that can be read: save it as CSV in UTF-8")


def _delimiter(text: str) -> str:
    """The delimiter of a text's columns.

    It has to divide the first row. Of several the one counts by which most rows have as many
    cells as the first; of equals, the one that fewer blanks follow, as they do in sentences; then
    the one that gives more cells.
    """
    scores: dict[str, tuple[float, int, int]] = {}
    for mark in DELIMITERS:
        try:
            rows = csv.reader(_lines(text, mark), delimiter=mark, skipinitialspace=True)
            counts = [len(row) for row in islice(filter(None, rows), SAMPLE)]
        except csv.Error:
            continue
        if counts and counts[0] > 1:
            agreeing = counts.count(counts[0]) / len(counts)
            scores[mark] = (agreeing, -text.count(f"{mark} "), counts[0])
    blanks = scores.pop(" ", (0.0, 0, 0))
    if scores:
        return max(scores, key=lambda mark: scores[mark])
    return " " if blanks[0] >= MOSTLY else ","


def _lines(text: str, delimiter: str) -> Iterator[str]:
    lines: Iterator[str] = io.StringIO(text, newline="")
    if delimiter != " ":
        yield from lines
        return
    quoted = False
    for line in lines:
        # Blanks at the ends of a line divide nothing, unless they are part of a cell.
        begun = line if quoted else line.lstrip(" ")
        quoted ^= line.count('"') % 2 == 1
        yield begun if quoted else begun.rstrip(" \r\n") + "\n"


def _fit(rows: Sequence[list[str]], lines: Sequence[int], *, first: list[str], name: str) -> None:
    """Make all rows as long as the first one, by empty cells at their ends alone."""
    width = len(first)
    named = max(n for n, cell in enumerate(first, start=1) if cell)
    wrong = []
    for row, line in zip(rows, lines, strict=True):
        while len(row) > width and not row[-1]:
            row.pop()
        if named <= len(row) < width:
            row += [""] * (width - len(row))
        if len(row) != width:
            wrong.append((line, len(row)))
    if wrong:
        line, count = wrong[0]
        others = f" ({len(wrong):,} such rows)" if len(wrong) > 1 else ""
        hint = (
            "remove what stands above the header, or see that it names each column"
            if len(wrong) == len(rows)
            else "mend them, or quote cells that hold what divides columns"
        )
        raise InputError(
            f"{name}, line {line}: {count} cells, where the first row has {width}{others}: {hint}"
        )
