"""Any folder of DICOM files with any table is read rightly or refused in one line."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.sources import dicom
from bench.data.sources.dicom_headers import DicomFolder, DicomHeader, read_headers
from bench.errors import InputError
from tests.bench.data.test_dicom_fuzz import EXAMPLES, MANY, hostile, hostile_bytes

pytest.importorskip("pydicom", reason="the extra dicom is not installed")


def few(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


headers = st.builds(
    DicomHeader,
    file=few("a.dcm", "b.dcm", "b", "x/a.dcm", "x/1", "Ä b", "1.2"),
    sop_instance_uid=few("", "1.2", "1.2.3", "1.2.4", "1.2.5"),
    study_instance_uid=few("", "1.2", "1.9"),
    accession_number=few("", "1", "01", "7", "A1", "none"),
    patient_id=few("", "1", "001", "7", "nan", "p"),
    sex=few("", "F", "M", "O", "X"),
    age=few("", "058Y", "006M", "999Y", "old"),
    view=few("", "PA", "LL"),
    modality=few("", "DX", "OT"),
    burned_in=st.booleans(),
    secondary_capture=st.booleans(),
    frames=st.integers(1, 3),
    bits=few("", "8", "12"),
    windowed=st.booleans(),
)
cells = few(
    "", "1", "01", "001", "7", "7.0", "A1", "p", "1.2", "1.2.3", "1.2.4", "a", "a.dcm", "x/a",
    "x\\1", "b", "-1", "nan", "normal", "Mass", "Mass|Edema", "yes", "0",
)  # fmt: skip
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)
option_sets = st.fixed_dictionaries(
    {},
    optional={
        "views": st.sampled_from([("PA",), ("PA", ""), ("LL", "pa")]),
        "key": st.sampled_from(["file", "AccessionNumber", "PatientID"]),
        "key_column": few("c0", "c1", "label"),
        "patient_ids": few("hashed", "as_written"),
        "several_rows": few("agree", "union"),
        "finding_columns": st.sampled_from([("c1",), ("*",)]),
    },
)


def check_folder(
    root: Path, images: list[DicomHeader], table: list[list[str]], options: dict[str, Any]
) -> None:
    names = [*(f"c{number}" for number in range(len(table[0]) - 1)), "label"]
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *table])
    folder = DicomFolder(
        root=root,
        images=tuple({header.file: header for header in images}.values()),
        imageless=0,
        damaged={"broken": "is damaged"},
        others=("labels.csv",),
        skipped=0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dicom, "read_headers", lambda _: folder)
        parsed = dicom.DicomOptions.model_validate(options)
        try:
            study = dicom.open_dicom(root=root, image_size=8, options=parsed)
        except InputError as error:
            assert len(str(error).splitlines()) == 1, str(error)  # noqa: PT017
            return
    distinct = {header.sop_instance_uid or header.file for header in folder.images}
    views = {view.upper() for view in options.get("views", ())}
    first = {h.sop_instance_uid or h.file: h for h in reversed(folder.images)}
    kept = sum(not views or header.view in views for header in first.values())
    named = Counter(problem.image for problem in study.problems)
    assert max(named.values()) == 1
    assert len(study.rows) + len(named) - 1 + _left_out(study.notes) == kept <= len(distinct)
    assert not set(study.rows["image"]) & named.keys()


def _left_out(notes: tuple[str, ...]) -> int:
    """The images that the options of labels leave out, as the notes count them."""
    found = [note for note in notes if note.startswith("images left out: ")]
    return sum(int(part.split()[0]) for note in found for part in note.split(": ")[1].split(", "))


arguments = {"images": st.lists(headers, min_size=1, max_size=6), "table": tables}


@settings(max_examples=EXAMPLES)
@given(**arguments, options=option_sets)
def test_any_headers_and_table(
    images: Any, table: Any, options: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_folder(tmp_path_factory.getbasetemp(), images, table, options)


@pytest.mark.slow
@settings(max_examples=MANY)
@given(**arguments, options=option_sets)
def test_many_headers_and_tables(
    images: Any, table: Any, options: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_folder(tmp_path_factory.getbasetemp(), images, table, options)


@settings(max_examples=EXAMPLES)
@given(damage=st.fixed_dictionaries(hostile))
def test_hostile_files_are_counted_once(
    damage: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile folder"
    folder.mkdir(exist_ok=True)
    (folder / "image").write_bytes(hostile_bytes(**damage))
    found = read_headers(folder)
    counts = [len(found.images), found.imageless, len(found.damaged), len(found.others)]
    assert sorted(counts) == [0, 0, 0, 1]
