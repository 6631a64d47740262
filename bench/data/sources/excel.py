"""Cells of Excel workbooks (.xlsx, Office Open XML) as text."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterator

from bench.errors import InputError
from bench.text import printable

# What a formula shows that failed. "#N/A" is a common text for "unknown", and is read as that.
_ERRORS = ("#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")


def read_workbook(content: bytes, name: str) -> tuple[list[list[str]], list[int], list[str]]:
    """The cells of the first sheet of an Excel workbook.

    Whole numbers have no decimals (7, not 7.0), as Excel shows them; dates are ISO 8601. A
    formula stands for the value that Excel stored with it.

    Returns:
        The stripped cells of each row, the number of each row from 1, and what a reader should
        know (which sheet it is).
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise InputError(
            f"{name} is an Excel file: pip install 'cxnet-bench[excel]' reads it, or save it as CSV"
        ) from None
    try:
        # openpyxl warns of extensions of the format that hold no cells.
        with warnings.catch_warnings(action="ignore"):
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # The size that is stored with the sheet is often wrong: some programs write 1 x 1.
            sheet.reset_dimensions()
            values = [list(row) for row in sheet.iter_rows(values_only=True)]
            unstored = _first_unstored(content, values)
    except Exception:  # openpyxl raises nearly anything on hostile bytes.
        raise InputError(
            f"{name} cannot be read as an Excel file (.xlsx): save it anew in Excel, or as CSV"
        ) from None
    if unstored:
        raise InputError(
            f"{name}, cell {unstored} is a formula without a stored value: open the file in Excel "
            "and save it, or save it as CSV"
        )
    rows = list(_texts(values, name))
    titles = [printable(title) for title in book.sheetnames]
    notes = [f"the first of its {len(titles)} sheets ({titles[0]!r})"] if len(titles) > 1 else []
    return rows, list(range(1, len(rows) + 1)), notes


def _texts(values: list[list[object]], name: str) -> Iterator[list[str]]:
    width = max(map(len, values), default=0)
    for number, row in enumerate(values, start=1):
        cells = [_text(value) for value in row]
        for column, cell in enumerate(cells):
            if cell in _ERRORS:
                raise InputError(
                    f"{name}, cell {_cell(number, column)} holds {cell}: mend its formula"
                )
        yield cells + [""] * (width - len(cells))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        # Fifteen digits, as Excel shows: what lies behind them is rounding.
        return f"{value:.15g}" if abs(value) >= 1e15 or value % 1 else str(int(value))
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return str(value).strip()


def _first_unstored(content: bytes, values: list[list[object]]) -> str | None:
    """The first cell with a formula whose value was never computed, such as "B3"."""
    from openpyxl import load_workbook

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [part for part in parts.namelist() if part.startswith("xl/worksheets/")]
        # Most files have none, and need no second reading.
        if not any(b"<f>" in text or b"<f " in text for text in map(parts.read, sheets)):
            return None
    sheet = load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    sheet.reset_dimensions()
    for number, (row, known) in enumerate(
        zip(sheet.iter_rows(values_only=True), values, strict=True), start=1
    ):
        for column, (cell, value) in enumerate(zip(row, known, strict=True)):
            if cell is not None and value is None:
                return _cell(number, column)
    return None


def _cell(row: int, column: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column + 1)}{row}"
