"""Configs that are made of DICOM exports; needs pydicom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.config import load_experiment
from bench.data.load import open_study
from bench.data.make.make import make
from bench.errors import InputError

pytest.importorskip("pydicom")

from tests.bench.data.dicom_files import write_dicom


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve studies of six patients, every other file without suffix, in folders of their own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    random = np.random.default_rng(0)
    for n in range(12):
        folder = tmp_path / "export" / f"ST{n:02d}"
        folder.mkdir(parents=True)
        write_dicom(
            folder / ("IM1" if n % 2 else "IM1.dcm"),
            random.integers(0, 4096, (16, 16), dtype=np.uint16),
            BitsStored=12,
            AccessionNumber=f"A{n}",
            PatientID=f"SECRET{n // 2}",
            PatientSex="FM"[n // 2 % 2],
            PatientAge=f"0{40 + n}Y",
            ViewPosition=["PA", "LL"][n == 11],
            PhotometricInterpretation=f"MONOCHROME{1 + n % 2}",
        )
    (tmp_path / "export" / "DICOMDIR").write_text("no directory")
    return tmp_path / "export"


def sheet(export: Path) -> None:
    """An Excel sheet of labels with other columns."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Nr", "Accession Number", "Befund", "Bemerkung"])
    for n in range(12):
        label = ["unauffällig", "Pneumonie"][n // 2 % 2]
        book.active.append([n, f"A{n}", label, f"Text {n}"])
    book.save(export / "Befunde.xlsx")


def test_an_export_with_a_sheet_of_labels(export: Path) -> None:
    sheet(export)
    settings = ['data.options.normal_labels=["unauffällig"]']
    lines = make(export, to=Path("look.csv"), settings=settings, cache=Path("cache"))
    data = load_experiment("look.yaml").data
    assert (data.source, data.root, data.split, data.image_size) == ("dicom", export, "patient", 16)
    assert data.options == {
        "labels": "Befunde.xlsx",
        "label_column": "Befund",
        "normal_labels": ["unauffällig"],
    }
    assert "12 DICOM images, 12 of 12 bits; files not read: 1 of other kinds" in lines
    assert "patients: 6" in lines
    study = open_study(data)
    assert study.rows["findings"].map(len).sum() == 6
    # The manifest is to look at: the config reads the headers, and results name no file.
    lines = Path("look.csv").read_text().splitlines()
    assert lines[0] == "path,label,patient,view,sex,age"
    assert len(lines) == 13
    row = next(line for line in lines if line.startswith(f"{export}/ST11/IM1,"))
    _, label, patient, *rest = row.split(",")
    assert (label, rest) == ("Pneumonie", ["LL", "M", "51"])
    assert patient in set(study.rows["patient"])
    assert "SECRET" not in Path("look.csv").read_text() + Path("look.yaml").read_text()


def test_an_export_without_labels_becomes_a_table_to_fill_in(export: Path) -> None:
    lines = make(export, to=None, settings=(), cache=Path("cache"))
    assert any(line.startswith("fill in the labels in ") for line in lines)
    lines = Path("export_to_label.csv").read_text().splitlines()
    assert lines[0] == "path,label,patient,view,sex,age"
    assert lines[1].startswith("ST00/IM1.dcm,,")
    assert lines[1].endswith(",PA,F,40")
    assert "SECRET" not in Path("export_to_label.csv").read_text()
    Path("export_to_label.csv").write_text(
        "\n".join(
            [lines[0], *(line.replace(",,", (",normal,", ",TB,")[n % 2], 1)
                         for n, line in enumerate(lines[1:]))]
        )
    )  # fmt: skip
    study = open_study(load_experiment("export.yaml").data)
    assert study.name == "dicom"
    assert (len(study.rows), study.problems) == (12, ())
    assert study.rows["patient"].nunique() == 6
    assert load_experiment("export.yaml").data.split == "patient"


def test_class_folders_may_hold_dicom_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for n in range(12):
        folder = tmp_path / "set" / ["Normal", "TB"][n % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((16, 16), n, np.uint8)
        write_dicom(folder / (f"{n}.dcm" if n < 6 else f"IM{n}"), pixels)
    lines = make(tmp_path / "set", to=None, settings=(), cache=Path("cache"))
    assert "folders: 12 images can be used, 0 cannot" in lines
    assert load_experiment("set.yaml").data.source == "folders"


def test_tables_are_named_by_their_paths_as_the_option_takes_them(export: Path) -> None:
    (export / "annotations").mkdir()
    rows = "".join(f"A{n},{n % 2}\n" for n in range(12))
    for name in ("train", "test"):
        (export / "annotations" / f"{name}.csv").write_text(f"Accession,label\n{rows}")
    with pytest.raises(InputError, match=r"\(annotations/test\.csv, annotations/train\.csv\)"):
        make(export, to=None, settings=[], cache=Path("cache"))
    settings = ["data.options.labels=annotations/train.csv"]
    make(export, to=None, settings=settings, cache=Path("cache"))
    assert load_experiment("export.yaml").data.options["labels"] == "annotations/train.csv"


@pytest.mark.parametrize("broken", [False, True])
def test_a_text_beside_an_export_is_no_label_table(export: Path, *, broken: bool) -> None:
    (export / "LIESMICH.txt").write_text("Export aus PACS\nBitte vertraulich behandeln\n")
    settings = ['data.options.normal_labels=["unauffällig"]', "data.options.label_column=Befund"]
    if broken:
        (export / "Befunde.xlsx").write_bytes(b"PK\x03\x04")
        with pytest.raises(InputError, match=r"may hold the labels: Befunde\.xlsx"):
            make(export, to=None, settings=settings, cache=Path("cache"))
        return
    sheet(export)
    lines = make(export, to=None, settings=settings, cache=Path("cache"))
    assert load_experiment("export.yaml").data.options["labels"] == "Befunde.xlsx"
    assert "parts: train 8, validation 2, test 2" in lines


def test_the_label_table_may_lie_elsewhere(export: Path, tmp_path: Path) -> None:
    rows = "".join(f"A{n},{['normal', 'TB'][n // 2 % 2]}\n" for n in range(12))
    (tmp_path / "labels.csv").write_text(f"Accession,label\n{rows}")
    settings = [f"data.options.labels={tmp_path / 'labels.csv'}"]
    lines = make(export, to=None, settings=settings, cache=Path("cache"))
    assert "dicom: 12 images can be used, 0 cannot" in lines
    assert load_experiment("export.yaml").data.options["labels"] == str(tmp_path / "labels.csv")
