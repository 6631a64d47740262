"""Any table at all is read rightly, or refused in one line that names it; no image is lost."""

from __future__ import annotations

import csv
import io
import operator
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from bench.data.sources.manifest import ManifestOptions, open_manifest, read_labels
from bench.data.sources.table import read_table
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.imported.file import read_file

NAMES = ["path", "label", "No Finding", "TB", "Edema", "patient", "split", "age", "view", "sex"]
FILES = ["a.png", "B.png", "sub/c.png", "sub/ä.jpg"]  # of the folder

PATHS = st.sampled_from(
    ["a.png", "./a.png", "b/../a.png", "A.PNG", "a", "B.png", "b", "b\n", "c.png", "sub\\c.png",
     "top/sub/c.png", "C:\\b.png", "ä", "/"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "Mass", "mass ", "No Finding", "TB|Mass", "a,b", "a;b", "x y", "nan", "-1", "0", "1", "ß"]
)
TEXTS = WORDS.filter(lambda word: word not in ("-1", "0", "1"))
CODES = st.sampled_from(["1", "0", "", "1.0", "0.0", "-1", "-1.0", "1,0", "yes", "nan"])
ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=5)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A table, the form in which it is written, and what is asked of it."""

    rows: list[list[str]]
    delimiter: str = ","
    encoding: str = "utf-8"
    end: str = "\n"
    quoting: Literal[0, 1] = csv.QUOTE_ALL
    options: dict[str, Any] = field(default_factory=dict)

    def content(self) -> bytes:
        text = io.StringIO()
        # Between blanks, an empty cell would be none.
        quoting = csv.QUOTE_ALL if self.delimiter == " " else self.quoting
        writer = csv.writer(
            text, delimiter=self.delimiter, lineterminator=self.end, quoting=quoting
        )
        writer.writerows([NAMES, *self.rows])
        try:
            content = text.getvalue().encode(self.encoding)
        except UnicodeEncodeError:
            return text.getvalue().encode()
        # Some texts in Windows-1252 are others in UTF-8 ("Ã¤" is "ä"): nobody can tell which.
        return (
            text.getvalue().encode() if self.encoding == "cp1252" and is_utf_8(content) else content
        )


def is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def row(odd: bool, labels: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    also = ODD if odd else st.nothing()
    cells = [labels | also, CODES | also, CODES | also, CODES | also]
    facts = (["", "7", "007", "7.0", "nan"], ["train", "val", "?"],
             ["58", "5,5", "058Y", "", "old"], ["", "PA"], ["", "F", "m"])  # fmt: skip
    others = [st.sampled_from(texts) | also for texts in facts]
    # A row without a path is refused with its table.
    return st.tuples(PATHS | also.filter(str.strip), *cells, *others).map(list)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "label_column": st.sampled_from(["label", "No Finding", "TB", "tb"]),
        "finding_columns": st.sampled_from([["*"], ["TB", "Edema"], ["No*", "TB"], ["label"]]),
        "blank": st.sampled_from(["negative", "positive", "drop"]),
        "uncertain": st.sampled_from(["negative", "positive", "drop"]),
        "several_rows": st.sampled_from(["agree", "union"]),
        "normal_labels": st.sampled_from([["0"], ["Mass", "nan"], ["-1"]]),
        "label_separator": st.sampled_from([",", ";", " ", "-"]),
        "findings": st.sampled_from([["Mass", "TB"], ["0", "1", "-1"]]),
        "patient_ids": st.just("number"),
    },
)
NUMBERED = st.just({"header": "none", "path_column": "1", "label_column": "2"})

EXAMPLES = st.builds(
    Example,
    # Words beside codes are refused where no option tells what they are.
    rows=st.tuples(st.booleans(), st.sampled_from([TEXTS, CODES, WORDS | CODES])).flatmap(
        lambda how: st.lists(row(*how), max_size=8)
    ),
    delimiter=st.sampled_from([",", ";", "\t", " "]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    options=st.just({}) | OPTIONS | st.builds(operator.or_, OPTIONS, NUMBERED),
)

# A few bytes of a file are overwritten, put in between, or cut off.
PIECES = st.sampled_from(
    [b"", b",", b";", b"\t", b'"', b"\n", b"\r", b"-1", b"\xe4", b"\x81", b"\0"]
)
DAMAGES = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 3), PIECES), min_size=1, max_size=4
)


def refused(error: InputError, name: str) -> None:
    """One line that names the file, or the option that is at fault."""
    assert "\n" not in str(error)
    assert name in str(error) or "data.options" in str(error) or "data source" in str(error)


def check_cells(example: Example, folder: Path) -> None:
    """A table that is well formed is read as it was written."""
    file = folder / "t.csv"
    file.write_bytes(example.content())
    table = read_table(file)
    assert table.names == NAMES
    written = [[cell.strip() for cell in row] for row in example.rows]
    assert table.rows.to_numpy().tolist() == [row for row in written if any(row)]


def check_images(listed: Iterable[str], study: StudyTable) -> None:
    """Images read, images named and images left out add up to the images of the rows."""
    notes = [note for note in study.notes if note.startswith("images left out: ")]
    left_out = sum(int(count) for note in notes for count in re.findall(r"(\d+) [a-z]", note))
    named = {problem.image for problem in study.problems}
    assert len(named) == len(study.problems)
    assert not named & set(study.rows["image"])
    assert len(study.rows) + len(named) + left_out == len(set(listed))


def bare(path: str) -> str:
    """The name without folders and suffix, which may be completed to those of a file."""
    return path.split("/")[-1].split(".")[0].casefold()


def check_study(content: bytes, options: dict[str, Any], folder: Path) -> None:
    """A study of the right number of images, or one line."""
    file = folder / "t.csv"
    file.write_bytes(content)
    try:
        wanted = ManifestOptions(**options)
        table = read_table(file, header=wanted.header)
        labels = read_labels(file, wanted)
        study = open_manifest(root=file, image_size=4, options=wanted)
    except InputError as error:
        refused(error, "t.csv")
        return
    paths = [os.path.normpath(p.replace("\\", "/")) for p in table.rows[wanted.path_column]]
    check_images(paths, labels)
    found = {*labels.rows["image"], *(problem.image for problem in labels.problems)}
    assert {bare(image) for image in found} <= {bare(path) for path in paths}
    check_images(paths, study)
    missing = {problem.image for problem in study.problems if problem.kind == "missing"}
    files = [folder / image for image in study.rows["image"] if image not in missing]
    assert all(file.is_file() for file in files)


def damaged(content: bytes, damages: Iterable[tuple[int, int, bytes]]) -> bytes:
    for place, length, replacement in damages:
        start = place % (len(content) + 1)
        content = content[:start] + replacement + content[start + length :]
    return content


def check_predictions(content: bytes, folder: Path) -> None:
    file = folder / "t.csv"
    file.write_bytes(content)
    try:
        found = read_file(file, image_column="path", score_column="TB")
        found.ids(FILES)
        found.probabilities("TB")
    except InputError as error:
        refused(error, "t.csv")


def in_folder(check: Callable[[Path], None]) -> None:
    with TemporaryDirectory() as root:
        for name in FILES:
            (Path(root) / name).parent.mkdir(exist_ok=True)
            (Path(root) / name).write_bytes(b"")
        check(Path(root))


def every_table(example: Example) -> None:
    in_folder(lambda folder: check_cells(example, folder))
    in_folder(lambda folder: check_study(example.content(), example.options, folder))


def every_damaged_table(example: Example, damages: list[tuple[int, int, bytes]]) -> None:
    content = damaged(example.content(), damages)
    in_folder(lambda folder: check_study(content, example.options, folder))
    in_folder(lambda folder: check_predictions(content, folder))


@given(EXAMPLES)
def test_any_table(example: Example) -> None:
    every_table(example)


@given(EXAMPLES, DAMAGES)
def test_any_damaged_table(example: Example, damages: list[tuple[int, int, bytes]]) -> None:
    every_damaged_table(example, damages)


@cache
def workbook() -> bytes:
    """A workbook of the header alone."""
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(NAMES)
    stored = io.BytesIO()
    book.save(stored)
    return stored.getvalue()


@given(DAMAGES)
def test_any_damaged_workbook(damages: list[tuple[int, int, bytes]]) -> None:
    places = [(place * 7, length, piece) for place, length, piece in damages]
    with TemporaryDirectory() as root:
        file = Path(root) / "t.xlsx"
        file.write_bytes(damaged(workbook(), places))
        try:
            assert read_table(file).names == NAMES
        except InputError as error:
            refused(error, "t.xlsx")


@pytest.mark.slow
@given(EXAMPLES)
@settings(max_examples=10_000, derandomize=False)
def test_ten_thousand_tables(example: Example) -> None:
    every_table(example)


@pytest.mark.slow
@given(EXAMPLES, DAMAGES)
@settings(max_examples=10_000, derandomize=False)
def test_ten_thousand_damaged_tables(
    example: Example, damages: list[tuple[int, int, bytes]]
) -> None:
    every_damaged_table(example, damages)
