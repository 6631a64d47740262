"""ChestX-ray14 in all the shapes in which it is found on disks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.sources.nih import read_labels
from bench.data.study import NIH_FINDINGS, StudyTable
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared

PLAIN = "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
START = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
SIZES = "2682,2749,0.143,0.143"
ROWS = (
    "00000001_000.png,Cardiomegaly|Emphysema,0,1,57,M,PA",
    "00000001_001.png,No Finding,1,1,58,M,AP",
    "00000002_000.png,Hernia,0,2,80,F,PA",
)
NAMES = tuple(row.split(",")[0] for row in ROWS)


def write_labels(
    root: Path,
    rows: Sequence[str] = ROWS,
    *,
    header: str = f"{START},{PLAIN}",
    end: str = "\n",
    tail: str = f",{SIZES}",
    name: str = "Data_Entry_2017_v2020.csv",
) -> None:
    text = end.join([header, *(row + tail for row in rows)]) + end
    (root / name).write_bytes(text.encode())


def write_images(folder: Path, names: Sequence[str] = NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for value, name in enumerate(names):
        Image.new("L", (4, 4), value).save(folder / name)


def open_nih(root: Path) -> StudyTable:
    return DATASETS.get("nih").open(root=root, image_size=4, options={})


@pytest.mark.parametrize(
    ("header", "tail"),
    [
        pytest.param(f"{START},{PLAIN}", f",{SIZES}", id="NIH: two headers for four columns"),
        pytest.param(f"{START},{PLAIN},", f",{SIZES},", id="Kaggle: a comma ends each line"),
        pytest.param(f"{START},{PLAIN},", f",{SIZES}", id="a comma ends the header alone"),
        pytest.param(f"{START},{PLAIN}", f",{SIZES},", id="a comma ends the rows alone"),
        pytest.param(
            f'{START},"OriginalImage[Width,Height]","OriginalImagePixelSpacing[x,y]"',
            f",{SIZES}",
            id="quoted headers: fewer than columns",
        ),
        pytest.param(f"{START},{PLAIN}".replace("Gender", "Sex"), f",{SIZES}", id="Patient Sex"),
        pytest.param(f"\ufeff{START},{PLAIN}", f",{SIZES}", id="byte order mark"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_no_header_in_the_wild_shifts_a_column(
    header: str, tail: str, end: str, tmp_path: Path
) -> None:
    write_labels(tmp_path, header=header, tail=tail, end=end)
    rows = read_labels(tmp_path).rows
    assert rows["image"].tolist() == list(NAMES)
    assert rows["patient"].tolist() == ["1", "1", "2"]
    assert rows["findings"].tolist() == [("Cardiomegaly", "Emphysema"), (), ("Hernia",)]
    assert rows["view"].tolist() == ["PA", "AP", "PA"]
    assert rows["sex"].tolist() == ["M", "M", "F"]
    assert rows["age"].tolist() == [57, 58, 80]
    assert rows["follow_up"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("folder", [".", "images", "images_001/images", "images_002"])
def test_images_are_found_in_every_layout(folder: str, tmp_path: Path) -> None:
    write_labels(tmp_path)
    write_images(tmp_path / folder)
    study = open_nih(tmp_path)
    assert study.problems == ()
    assert study.rows["image"].tolist() == list(NAMES)
    assert [study.reader.read(name)[0, 0] for name in NAMES] == [0, 1, 2]
    assert study.finding_names == NIH_FINDINGS


def test_labels_in_another_spelling_are_nihs(tmp_path: Path) -> None:
    spelt = [row.replace("Hernia", "pleural thickening").replace("No F", "no_f") for row in ROWS]
    assert spelt != ROWS
    write_labels(tmp_path, spelt)
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert labels.rows["findings"].tolist()[1:] == [(), ("Pleural_Thickening",)]
    note = "findings in another spelling: 'pleural thickening' is 'Pleural_Thickening'"
    assert note in labels.notes


def test_partial_download_keeps_what_is_there_and_counts_it(tmp_path: Path) -> None:
    write_labels(tmp_path)
    write_images(tmp_path / "images_001" / "images", NAMES[:1])
    write_images(tmp_path / "images_005" / "images", NAMES[2:])
    study = open_nih(tmp_path)
    assert study.rows["image"].tolist() == [NAMES[0], NAMES[2]]
    assert study.problems == ()
    assert "2 of the 3 images of the label file are here" in study.notes


def write_lists(root: Path, train: Sequence[str], test: Sequence[str], end: str = "\n") -> None:
    (root / "train_val_list.txt").write_bytes(end.join(train).encode())
    (root / "test_list.txt").write_bytes(end.join(test).encode())


@pytest.mark.parametrize(("end", "last"), [("\n", []), ("\r\n", [""])])
def test_official_lists_in_every_form(end: str, last: list[str], tmp_path: Path) -> None:
    write_labels(tmp_path)
    write_lists(tmp_path, [*NAMES[:2], *last], [NAMES[2], *last], end)
    labels = read_labels(tmp_path)
    assert labels.rows["given_split"].tolist() == ["train_validation", "train_validation", "test"]
    assert labels.notes == ()


def test_what_the_lists_lack_is_noted(tmp_path: Path) -> None:
    write_labels(tmp_path)
    (tmp_path / "test_list.txt").write_text(NAMES[2])
    labels = read_labels(tmp_path)
    assert set(labels.rows["given_split"]) == {""}
    assert labels.notes == ("no official split: train_val_list.txt not found",)
    write_lists(tmp_path, [NAMES[0], "other.png"], [NAMES[2], "a.png", "b.png"])
    labels = read_labels(tmp_path)
    assert labels.rows["given_split"].tolist() == ["train_validation", "", "test"]
    assert labels.notes == (
        "1 images of the label file are in neither official list",
        "3 entries of the official lists have no row in the label file",
    )


def test_lists_that_cannot_be_right_are_refused_in_one_line(tmp_path: Path) -> None:
    write_labels(tmp_path)
    write_lists(tmp_path, NAMES, NAMES[2:])
    with pytest.raises(InputError, match=rf"1 images are in both .* \({NAMES[2]} is one\)"):
        read_labels(tmp_path)
    (tmp_path / "test_list.txt").write_bytes(b"\xff\xfe" + NAMES[2].encode("utf-16-le"))
    with pytest.raises(InputError, match=r"test_list\.txt cannot be read: .*utf-8") as caught:
        read_labels(tmp_path)
    assert "\n" not in str(caught.value)


def test_ages_in_all_forms_and_impossible_ones_counted(tmp_path: Path) -> None:
    texts = ["58", "058Y", "006M", "365D", "411", "0411Y", "", "old"]
    write_labels(tmp_path, [f"{i}.png,No Finding,0,{i},{age},M,PA" for i, age in enumerate(texts)])
    labels = read_labels(tmp_path)
    expected = [58, 58, 0.5, 365 / 365.25, math.nan, math.nan, math.nan, math.nan]
    np.testing.assert_allclose(labels.rows["age"], expected)
    assert "2 ages are over 120 years and were taken as unknown" in labels.notes
    assert "1 ages are not numbers and were taken as unknown" in labels.notes


def test_problems_are_named_once_each_and_left_out(tmp_path: Path) -> None:
    write_labels(
        tmp_path,
        [
            *ROWS,
            "00000003_000.png,Pneumonai,0,3,50,F,PA",
            "00000004_000.png,No Finding,0,4,50,F,PA",
            "00000004_000.png,Mass,0,4,50,F,PA",
            "00000005_000.png,,0,5,50,F,PA",
            "00000006_000.png,No Finding|Mass,0,6,50,F,PA",
            "00000007_000.png,Nonsense,0,7,50,F,PA",  # its image is not here
        ],
    )
    bad = [f"0000000{i}_000.png" for i in (3, 4, 5, 6)]
    write_images(tmp_path / "images", [*NAMES, *bad, "holiday.png"])
    write_images(tmp_path / "images_001" / "images", [NAMES[1]])
    study = open_nih(tmp_path)
    assert study.rows["image"].tolist() == [NAMES[0], NAMES[2]]
    assert {(p.kind, p.image, p.detail) for p in study.problems} == {
        (
            "unknown finding",
            bad[0],
            "label 'Pneumonai' is unknown: did you mean Pneumonia, Pneumothorax?",
        ),
        ("contradictory", bad[1], "listed in 2 rows that differ in label"),
        ("unlabelled", bad[2], "the label is empty"),
        ("unknown finding", bad[3], "label 'No Finding|Mass' is normal and abnormal at once"),
        ("unlabelled", "holiday.png", "images/holiday.png has no row in the label file"),
        ("duplicated", NAMES[1], "lies in images and images_001/images"),
    }
    assert len(study.problems) == 6


def test_hidden_files_and_other_files_are_no_images(tmp_path: Path) -> None:
    write_labels(tmp_path)
    write_images(tmp_path / "images")
    (tmp_path / "images" / f"._{NAMES[0]}").write_bytes(b"left by an archive program")
    (tmp_path / "images" / "README.txt").write_text("hello")
    assert open_nih(tmp_path).problems == ()


def test_the_newer_label_file_is_preferred_and_named(tmp_path: Path) -> None:
    write_labels(
        tmp_path, [row.replace("Hernia", "Mass") for row in ROWS], name="Data_Entry_2017.csv"
    )
    write_labels(tmp_path)
    labels = read_labels(tmp_path)
    assert labels.rows["findings"].tolist()[2] == ("Hernia",)
    assert "labels are from Data_Entry_2017_v2020.csv, not Data_Entry_2017.csv" in labels.notes


# The header of Kaggle's sample of 5,606 images.
SAMPLE = f"{START},OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x," + (
    "OriginalImagePixelSpacing_y"
)


@pytest.mark.parametrize("name", ["sample_labels.csv", "mine.txt"])
def test_any_one_file_with_nihs_header_is_the_label_file(name: str, tmp_path: Path) -> None:
    write_labels(tmp_path, [ROWS[0].replace("57", "057Y"), *ROWS[1:]], header=SAMPLE, name=name)
    write_images(tmp_path / "images")
    (tmp_path / "BBox_List_2017.csv").write_text("Image Index,Finding Label,Bbox [x\na,b,1\n")
    (tmp_path / "other.csv").write_bytes(b"\0")
    study = open_nih(tmp_path)
    assert study.rows["image"].tolist() == list(NAMES)
    assert study.rows["age"].tolist() == [57, 58, 80]
    write_labels(tmp_path, name="again.csv")
    with pytest.raises(InputError, match=f"several label files .*again.csv, {name}"):
        open_nih(tmp_path)


def test_a_short_row_is_named(tmp_path: Path) -> None:
    write_labels(tmp_path, [ROWS[0], "00000001_001.png,No Finding,1"], tail="")
    with pytest.raises(InputError, match=r"Data_Entry_2017_v2020\.csv, line 3: 3 cells"):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no Data_Entry_2017"),
        ("", "is empty"),
        ("path,label\na.png,Mass\n", "has no column 'Image Index'"),
        (f"{START},{PLAIN}\n", "has no rows"),
        (
            START.replace("Patient ID", "PatientID") + "\n" + ROWS[0] + "\n",
            r"has no column 'Patient ID' .*did you mean PatientID",
        ),
        (f"{START}\n" + '"never closed,Mass,0,1,5,M,PA\n', "Data_Entry_2017.csv, line 2"),
        ("\n".join([START, *ROWS]), r"none of the 3 images .* images_001/images/"),
    ],
)
def test_folders_that_cannot_be_used_give_one_line(
    text: str | None, message: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "Data_Entry_2017.csv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        open_nih(tmp_path)
    assert "\n" not in str(caught.value)


def test_real_partial_copy() -> None:
    study = open_nih(shared("nih-mini"))
    assert study.problems == ()
    assert "1,723 of the 112,120 images of the label file are here" in study.notes
    normal = study.rows["findings"].map(len) == 0
    table = {
        (split, state): int(((study.rows["given_split"] == split) & (normal == state)).sum())
        for split in ("train_validation", "test")
        for state in (True, False)
    }
    assert table == {
        ("train_validation", True): 776,
        ("train_validation", False): 532,
        ("test", True): 92,
        ("test", False): 323,
    }
    assert study.rows["patient"].nunique() == 802
    assert {study.reader.read(i).shape for i in study.rows["image"][::200]} <= {
        (256, 256),
        (64, 64),
    }
