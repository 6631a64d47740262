"""A user's own CSV file: columns by name, labels of any kind, and clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.data.study import StudyTable
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared


def folder(root: Path, text: str, *images: str) -> Path:
    (root / "manifest.csv").write_text(text)
    for value, name in enumerate(images, start=1):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), value).save(root / name)
    return root


def open_manifest(root: Path, **options: Any) -> StudyTable:
    return DATASETS.get("manifest").open(root=root, image_size=4, options=options)


def test_columns_of_standard_names_are_used_and_named(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label,patient,view,sex,age,split\n"
        "b.png,Mass|Nodule,p1,PA,female,61,Train\n"
        "a.png,Normal,p2,AP,M,058Y,VALID\n"
        "c.png,no finding,p2,,?,,test\n",
        "a.png",
        "b.png",
        "c.png",
    )
    study = open_manifest(tmp_path)
    rows = study.rows
    assert rows["image"].tolist() == ["a.png", "b.png", "c.png"]
    assert rows["findings"].tolist() == [(), ("Mass", "Nodule"), ()]
    assert rows["patient"].tolist() == ["p2", "p1", "p2"]
    assert rows["view"].tolist() == ["AP", "PA", ""]
    assert rows["sex"].tolist() == ["M", "F", ""]
    np.testing.assert_array_equal(rows["age"], [58, 61, np.nan])
    assert rows["given_split"].tolist() == ["validation", "train", "test"]
    assert study.finding_names == ("Mass", "Nodule")
    assert study.notes == (
        "columns of manifest.csv used by their names: patient, view, sex, age, split",
        "1 entries of the sex column were taken as unknown",
    )
    assert study.reader.read("b.png").tolist() == [[2] * 4] * 4


def test_columns_and_labels_named_in_the_options(tmp_path: Path) -> None:
    folder(tmp_path, "file,diagnosis,who\na.png,sain,1\nb.png,TB;fibrose,2\n", "a.png", "b.png")
    study = open_manifest(
        tmp_path,
        path_column="file",
        label_column="diagnosis",
        patient_column="who",
        normal_labels=["Sain"],
        label_separator=";",
        findings=["fibrose", "TB"],
    )
    assert study.rows["findings"].tolist() == [(), ("TB", "fibrose")]
    assert study.rows["patient"].tolist() == ["1", "2"]
    assert study.finding_names == ("fibrose", "TB")
    assert study.notes == ()


def test_root_may_be_the_csv_file_and_paths_absolute(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "x.png"
    folder(tmp_path, f"path,label\n{elsewhere},1\nsub\\a.png,0\n", "sub/a.png", "elsewhere/x.png")
    own = (tmp_path / "manifest.csv").rename(tmp_path / "mine.csv")
    study = open_manifest(own)
    assert set(study.rows["image"]) == {elsewhere.as_posix(), "sub/a.png"}
    assert study.reader.read(elsewhere.as_posix())[0, 0] == 2


@pytest.mark.parametrize(("zero", "one"), [("0", "1"), ("0.0", "1.0")])
def test_zeros_and_ones_are_normal_and_abnormal(zero: str, one: str, tmp_path: Path) -> None:
    folder(tmp_path, f"path,label\na.png,{zero}\nb.png,{one}\n", "a.png", "b.png")
    study = open_manifest(tmp_path)
    assert study.rows["findings"].tolist() == [(), ("abnormal",)]
    assert study.finding_names == ("abnormal",)


def test_zero_and_one_are_names_where_the_findings_say_so(tmp_path: Path) -> None:
    folder(tmp_path, "path,label\na.png,0\nb.png,1\n", "a.png", "b.png")
    study = open_manifest(tmp_path, findings=["0", "1"])
    assert study.rows["findings"].tolist() == [("0",), ("1",)]


def test_problems_are_named_and_left_out(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label\na.png,Mass\nb.png,Mas\nc.png,\nd.png,Mass\nd.png,Mass\nno.png,normal\n",
        "a.png",
        "b.png",
        "c.png",
        "d.png",
    )
    study = open_manifest(tmp_path, findings=["Mass", "Nodule"])
    assert study.rows["image"].tolist() == ["a.png"]
    assert {(p.kind, p.image, p.detail) for p in study.problems} == {
        ("unknown finding", "b.png", "label 'Mas' is unknown: did you mean Mass?"),
        ("unlabelled", "c.png", "the label is empty"),
        ("duplicated", "d.png", "listed in 2 rows"),
        ("missing", "no.png", "listed, but the file is not there"),
    }


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "path,labels\na.png,1\n",
            {},
            r"no column 'label' \(data.options.label_column\): did you mean labels\?",
        ),
        (
            "path,label,person\na.png,1,2\n",
            {"patient_column": "persn"},
            r"no column 'persn' \(data.options.patient_column\): did you mean person\?",
        ),
        ("path,label,split\na.png,1,holdout\n", {}, "data row 1: 'holdout' in column 'split'"),
        ("path,label,split\na.png,1,\n", {}, "data row 1: '' in column 'split' is no split"),
        ("path,label\na.png,1\n,0\n", {}, "data row 2: column 'path' is empty"),
        ("path,label\na.png,1,extra\n", {}, "more fields than the header"),
        ("path,label\na.png,1\nb.png,1,extra\n", {}, "no CSV file that can be read"),
        ("", {}, "is empty"),
        ("path,label\na.png,1\n", {"csv": "manifst.csv"}, r"did you mean manifest.csv"),
        ("path,label\na.png,1\n", {"lable_column": "x"}, "unknown key 'lable_column'"),
    ],
)
def test_unusable_files_give_one_line(
    text: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder(tmp_path, text, "a.png")
    with pytest.raises(InputError, match=message) as caught:
        open_manifest(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes("path,label\nä.png,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="no CSV file that can be read"):
        open_manifest(tmp_path)


def test_real_pneumonia_set() -> None:
    study = open_manifest(shared("kermany"))
    normal = study.rows["findings"].map(len) == 0
    assert (int(normal.sum()), int((~normal).sum())) == (1_341, 3_875)
    assert study.finding_names == ("PNEUMONIA",)
    assert study.rows["patient"].nunique() == 2_846
    assert study.problems == ()
    assert study.reader.read(study.rows["image"][0]).shape == (128, 128)
