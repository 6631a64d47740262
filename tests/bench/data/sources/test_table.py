"""Tables in the forms in which people have them, and what cannot be one."""

from __future__ import annotations

import builtins
import datetime
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data.sources.table import Table, read_table
from bench.errors import InputError

CELLS = [["path", "label", "age"], ["a.png", "Mass", "58"], ["b.png", "TB, old", "7"]]


def read(tmp_path: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> Table:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(tmp_path / name, **options)


def texts(table: Table) -> list[list[str]]:
    return [list(table.rows.columns), *table.rows.to_numpy().tolist()]


def refusal(tmp_path: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> str:
    with pytest.raises(InputError) as refused:
        read(tmp_path, content, name, **options)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("mark", "word"), [(",", ""), (";", "semicolons"), ("\t", "tabs"), ("  ", "blanks")]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_end(mark: str, word: str, end: str, tmp_path: Path) -> None:
    quoted = [[f'"{cell}"' if "TB" in cell else cell for cell in row] for row in CELLS]
    table = read(tmp_path, "".join(mark.join(row) + end for row in quoted))
    assert texts(table) == CELLS
    assert table.lines == [2, 3]
    assert table.at(1) == "t.csv, line 3"
    assert table.notes == ((f"t.csv: columns divided by {word}",) if word else ())


def test_blanks_in_a_quoted_cell_of_several_lines_stay(tmp_path: Path) -> None:
    table = read(tmp_path, 'path note label  \na.png "one \n two \n three" TB \n')
    assert texts(table) == [["path", "note", "label"], ["a.png", "one \n two \n three", "TB"]]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", "UTF-16"), ("cp1252", "Windows-1252")],
)
def test_any_encoding(encoding: str, word: str | None, tmp_path: Path) -> None:
    table = read(tmp_path, "path,label\nä.png,Größe – 5\n".encode(encoding))
    assert texts(table) == [["path", "label"], ["ä.png", "Größe – 5"]]
    assert table.notes == ((f"t.csv: text in {word}",) if word else ())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("path,label\na,x;y\nb,x;z;u\n", [["a", "x;y"], ["b", "x;z;u"]], id="findings"),
        pytest.param("path;age\na;5,5\nb;6,25\n", [["a", "5,5"], ["b", "6,25"]], id="decimals"),
        pytest.param("path;age, y\na;5,5\nb;6,2\n", [["a", "5,5"], ["b", "6,2"]], id="both"),
        pytest.param("path\tfound, in\na\tx, y\n", [["a", "x, y"]], id="sentences"),
        pytest.param("name,a b\nx y,1\n", [["x y", "1"]], id="blanks in cells"),
        pytest.param("image name\na.png\nb.png\n", [["a.png"], ["b.png"]], id="one column"),
        pytest.param('a,b\n"x\ny", 1 \n', [["x\ny", "1"]], id="two lines in a cell"),
        pytest.param('a b\n"x\ny" 1 \n', [["x\ny", "1"]], id="two lines between blanks"),
        pytest.param('a,b\nx, "y, z"\n', [["x", "y, z"]], id="blank before a quote"),
        pytest.param("sep=;\na;b,c\n1;2\n", [["1", "2"]], id="Excel's hint"),
        pytest.param("sep=;\r\na;b\r\n1;2\r\n", [["1", "2"]], id="Excel's hint, two columns"),
        pytest.param("a,b,\n1,2\n3,4,\n", [["1", "2", ""], ["3", "4", ""]], id="comma at the end"),
        pytest.param("a,b\n1,2,,\n", [["1", "2"]], id="commas behind the row"),
        pytest.param("a\tb c\n1\t2 3\n", [["1", "2 3"]], id="blanks between tabs"),
    ],
)
def test_what_divides_the_columns(text: str, rows: list[list[str]], tmp_path: Path) -> None:
    assert texts(read(tmp_path, text))[1:] == rows


def test_no_header(tmp_path: Path) -> None:
    text = "p1 train/a.png normal\np2 train/b.png pneumonia\n"
    with pytest.raises(InputError, match=r"no column 'path'.*'train/a.png'.*header=none"):
        read(tmp_path, text).column("path", option="data.options.path_column")
    with pytest.raises(InputError, match=r"no column 'path'.*'normal'.*header=none"):
        read(tmp_path, "a normal\nb normal\nc TB\n").column("path", option="x")
    assert "header=none" in refusal(tmp_path, "a.png,0,0\nb.png,1,0\n")
    table = read(tmp_path, text, header="none")
    with pytest.raises(InputError, match=r"no column 'path' \(x\): known: 1, 2, 3"):
        table.column("path", option="x")
    assert table.rows["2"].tolist() == ["train/a.png", "train/b.png"]
    assert table.lines == [1, 2]
    assert table.notes[1:] == ("t.csv: no header, columns numbered 1 to 3",)


def test_a_misspelt_column_is_no_want_of_a_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(data.x\): did you mean path\?"):
        read(tmp_path, "path,label\na,b\n").column("pat", option="data.x")


def test_empty_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\n,\n\n1,2\n,\n")
    assert texts(table)[1:] == [["1", "2"]]
    assert table.lines == [4]
    assert table.notes == ("t.csv: 2 empty rows left out",)


def test_columns_without_a_name_get_one(tmp_path: Path) -> None:
    assert texts(read(tmp_path, ",a,\n0,1,2\n"))[0] == ["unnamed 1", "a", "unnamed 3"]


def test_compressed_files(tmp_path: Path) -> None:
    table = read(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz")
    assert texts(table) == [["a", "b"], ["1", "2"]]
    assert "damaged" in refusal(tmp_path, gzip.compress(b"a,b\n1,2\n")[:-9], "t.csv.gz")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        pytest.param("a,b\n1,2\n1,2,3\n1\n", "line 3: 3 cells", id="too many"),
        pytest.param("a,b\n1,2\n1\n", "line 3: 1 cells", id="too few"),
        pytest.param("a,a\n1,2\n", "more than one column 'a'", id="repeated"),
        pytest.param("", "empty", id="empty"),
        pytest.param(" \n,,\n", "empty", id="blanks"),
        pytest.param('a,b\n"1,2\n3,4\n', "line 3", id="quote never closed"),
        pytest.param('a,b\n"1"x,2\n', "line 2", id="text behind a quote"),
        pytest.param("a,b\n1,\0\n", "no text file", id="NUL"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text file", id="a picture"),
        pytest.param(b"a,b\n1,\x81\xff\n", "no text file", id="no encoding"),
        pytest.param(b"\xff\xfea", "no text file", id="half a character"),
        pytest.param(b"\xef\xbb\xbfa,b\n\xe4,1\n", "no text file", id="not the marked encoding"),
        pytest.param("a,b\n1," + "x" * 300_000, "line 2: field larger", id="long cell"),
        pytest.param(b"PK\x03\x04 damaged", "Excel", id="damaged workbook"),
        pytest.param(b"\xd0\xcf\x11\xe0 old", "password", id="old or protected workbook"),
    ],
)
def test_what_cannot_be_read_is_one_line(content: str | bytes, part: str, tmp_path: Path) -> None:
    assert part in refusal(tmp_path, content)


def test_columns_in_another_case(tmp_path: Path) -> None:
    table = read(tmp_path, "Image_Path,label,Label,b\na.png,0,1,2\n")
    assert table.column("image path", option="x").tolist() == ["a.png"]
    assert table.find("label") == "label"
    assert table.find("LABEL") is None
    with pytest.raises(InputError, match=r"no column 'LABEL' \(x\)"):
        table.column("LABEL", option="x")


def test_titles_above_the_header(tmp_path: Path) -> None:
    rows = [["Export of 2024"], [], ["path", "label"], ["a.png", 1]]
    table = read(tmp_path, workbook(rows), "t.xlsx")
    with pytest.raises(InputError, match=r"no column 'path' .*t\.xlsx, line 3 holds it"):
        table.column("path", option="x")
    hinted = read(tmp_path, "sep=;\npath;label\na.png;1\n")
    assert hinted.column("path", option="x").tolist() == ["a.png"]
    assert hinted.lines == [3]
    message = refusal(tmp_path, "Export\n\npath,label\na.png,1\n")
    assert "line 3: 2 cells" in message
    assert "above the header" in message
    rows = [["Export of 2024"], [], ["Nr", "path", "label"], [1, "a.png", 0]]
    for file in (workbook(rows), "Export of 2024,,\n,,\nNr,path,label\n1,a.png,0\n"):
        message = refusal(tmp_path, file, "t.xlsx")
        assert "if line 3 is the header (Nr, path, label), remove what stands above" in message


def test_a_folder_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        read_table(tmp_path)
    with pytest.raises(InputError, match=r"no\.csv cannot be read: no such file"):
        read_table(tmp_path / "no.csv")


def workbook(rows: list[list[Any]], change: Callable[[Any], None] | None = None) -> bytes:
    book = pytest.importorskip("openpyxl").Workbook()
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_excel_as_excel_shows_it(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [" path ", "label", "patient", "age", "date", "ok", "time"],
        ["a.png", "Größe", 7.0, 58.5, datetime.datetime(2024, 1, 13), True, None],
        [None] * 7,
        ["b.png", None, 12345678901, 0.1 + 0.2, datetime.datetime(2024, 1, 13, 8, 5), False, 1e20],
    ]
    table = read(tmp_path, workbook(rows), "t.xlsx")
    assert texts(table) == [
        ["path", "label", "patient", "age", "date", "ok", "time"],
        ["a.png", "Größe", "7", "58.5", "2024-01-13", "True", ""],
        ["b.png", "", "12345678901", "0.3", "2024-01-13 08:05:00", "False", "1e+20"],
    ]
    assert table.lines == [2, 4]
    assert table.notes == ("t.xlsx: 1 empty row left out",)
    # The content says what a file is, not its name.
    assert texts(read(tmp_path, workbook(rows), "t.csv")) == texts(table)
    assert texts(read(tmp_path, "a,b\n1,2\n", "t.xlsx")) == [["a", "b"], ["1", "2"]]


def test_the_first_sheet_of_several_is_named(tmp_path: Path) -> None:
    def add(book: Any) -> None:
        book.active.title = "Befund"
        book.create_sheet("other").append(["x"])

    table = read(tmp_path, workbook(CELLS, add), "t.xlsx")
    assert texts(table) == CELLS
    assert table.notes == ("t.xlsx: the first of its 2 sheets ('Befund')",)
    with pytest.raises(InputError, match=r"no column 'x'.*the first of its 2 sheets"):
        table.column("x", option="y")


def test_formulas_stand_for_their_stored_values(tmp_path: Path) -> None:
    def add(book: Any) -> None:
        book.active["B2"] = "=1+1"

    content = workbook([["a", "b"], [1, 2]], add)
    assert "cell B2 is a formula without" in refusal(tmp_path, content, "t.xlsx")
    alone = workbook([["a", "b"], [1, 2]], lambda book: book.active.append(["=1+1"]))
    assert "cell A3 is a formula without" in refusal(tmp_path, alone, "t.xlsx")
    # Excel stores the value beside the formula.
    parts = zipfile.ZipFile(io.BytesIO(content))
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as book:
        for part in parts.namelist():
            book.writestr(part, parts.read(part).replace(b"<v></v>", b"<v>2</v>").replace(
                b"<v />", b"<v>2</v>"))  # fmt: skip
    assert texts(read(tmp_path, stored.getvalue(), "t.xlsx"))[1:] == [["1", "2"]]


def test_failed_formulas_are_named(tmp_path: Path) -> None:
    for error in ("#REF!", "#DIV/0!"):
        content = workbook([["a", "b"], [1, error]])
        assert f"cell B2 holds {error}: mend its formula" in refusal(tmp_path, content, "t.xlsx")
    unknown = workbook([["a", "b"], [1, "#N/A"]])
    assert texts(read(tmp_path, unknown, "t.xlsx"))[1:] == [["1", "#N/A"]]


def test_excel_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook(CELLS)
    known = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("openpyxl"):
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert "cxnet-bench[excel]" in refusal(tmp_path, content, "t.xlsx")
