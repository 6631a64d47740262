"""Cells of Excel workbooks (.xlsx, Office Open XML) as text."""

from __future__ import annotations

import datetime
import io
import warnings

import pandas as pd

from bench.errors import InputError
from bench.text import printable


def read_workbook(content: bytes, name: str) -> tuple[list[list[str]], list[int], list[str]]:
    """The cells of the first sheet of an Excel workbook.

    Whole numbers have no decimals (7, not 7.0), as Excel shows them; dates are ISO 8601. A
    formula stands for the value that Excel stored with it; one that failed, or that no program has
    computed yet, is an empty cell.

    Returns:
        The stripped cells of each row, the number of each row from 1, and what a reader should
        know (which sheet it is, formulas that failed).
    """
    try:
        import openpyxl  # noqa: F401 -- pandas reads workbooks with it
    except ImportError:
        raise InputError(
            f"{name} is an Excel file: pip install 'cxnet-bench[excel]' reads it, or save it as CSV"
        ) from None
    try:
        # openpyxl warns of extensions of the format that hold no cells.
        with (
            warnings.catch_warnings(action="ignore"),
            pd.ExcelFile(io.BytesIO(content), engine="openpyxl") as book,
        ):
            titles = [printable(str(title)) for title in book.sheet_names]
            cells = pd.read_excel(book, header=None, dtype=object, na_filter=False)
    except Exception:  # openpyxl raises nearly anything on hostile bytes.
        raise InputError(
            f"{name} cannot be read as an Excel file (.xlsx): save it anew in Excel, or as CSV"
        ) from None
    rows = cells.map(_text).to_numpy().tolist()
    notes = [f"the first of its {len(titles)} sheets ({titles[0]!r})"] if len(titles) > 1 else []
    if failed := int(cells.isna().to_numpy().sum()):  # nothing else is missing without na_filter
        notes.append(f"cells of failed formulas read as empty: {failed:,}")
    return rows, list(range(1, len(rows) + 1)), notes


def _text(value: object) -> str:
    if isinstance(value, float):
        # Fifteen digits, as Excel shows: what lies behind them is rounding.
        return "" if pd.isna(value) else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return str(value).strip()
