"""Cells of Excel workbooks (.xlsx, Office Open XML) as text."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.text import printable


def read_workbook(content: bytes, name: str) -> tuple[list[list[str]], list[int], list[str]]:
    """The cells of the first sheet of an Excel workbook.

    Whole numbers have no decimals (7, not 7.0), as Excel shows them; dates are ISO 8601. A
    formula stands for the value that Excel stored with it; one that failed is an empty cell.

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
            unstored = _first_unstored(content, cells)
    except Exception:  # openpyxl raises nearly anything on hostile bytes.
        raise InputError(
            f"{name} cannot be read as an Excel file (.xlsx): save it anew in Excel, or as CSV"
        ) from None
    if unstored:
        raise InputError(
            f"{name}, cell {unstored} is a formula without a stored value: open the file in Excel "
            "and save it, or save it as CSV"
        )
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


def _first_unstored(content: bytes, cells: pd.DataFrame) -> str | None:
    """The first cell with a formula whose value was never computed, such as "B3"."""
    from openpyxl.utils import get_column_letter

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [part for part in parts.namelist() if part.startswith("xl/worksheets/")]
        # Most files have none, and need no second reading.
        if not any(b"<f>" in text or b"<f " in text for text in map(parts.read, sheets)):
            return None
    formulas = pd.read_excel(
        io.BytesIO(content), header=None, dtype=object, na_filter=False, engine="openpyxl",
        engine_kwargs={"data_only": False},
    )  # fmt: skip
    # Rows at the end that show nothing are not among the cells.
    shown = (cells != "").reindex(index=formulas.index, columns=formulas.columns, fill_value=False)
    for row, column in np.argwhere(((formulas != "") & ~shown).to_numpy()):
        return f"{get_column_letter(column + 1)}{row + 1}"
    return None
