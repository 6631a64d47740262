"""The summary of a data set: counts, lines, JSON and the two pictures."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from bench.data.study import StudyTable, study_rows
from bench.data.summary import LabelSummary, count_labels, summarise
from bench.data.summary_figures import DARK, GRAY, LIGHT, draw_summary
from tests.bench.data.nih_labels import nih_labels, nih_split
from tests.bench.data.splits.tables import split_of

# Fig. 6 of the paper.
FINDINGS = {
    "Infiltration": 19_894,
    "Effusion": 13_317,
    "Atelectasis": 11_559,
    "Nodule": 6_331,
    "Mass": 5_782,
    "Pneumothorax": 5_302,
    "Consolidation": 4_667,
    "Pleural_Thickening": 3_385,
    "Cardiomegaly": 2_776,
    "Emphysema": 2_516,
    "Edema": 2_303,
    "Fibrosis": 1_686,
    "Pneumonia": 1_431,
    "Hernia": 227,
}
# Fig. 7.
NORMAL, ONE, SEVERAL = 60_361, 30_963, 20_795


@cache
def _nih() -> LabelSummary:
    return summarise(nih_labels(), nih_split("nih_official"))


def test_the_real_label_file_has_the_counts_of_figure_6() -> None:
    found = _nih().whole.findings
    assert list(found["images"].items()) == list(FINDINGS.items())
    assert (found["alone"] + found["with_others"]).equals(found["images"])


def test_the_real_label_file_has_the_counts_of_figure_7_and_one_image_more() -> None:
    """The paper's numbers sum to 112,119: one image with several findings is missing there."""
    whole = _nih().whole
    assert (whole.normal, whole.one) == (NORMAL, ONE)
    assert whole.several == SEVERAL + 1
    assert whole.normal + whole.one + whole.several == whole.images == 112_120
    assert whole.patients == 30_805
    assert whole.findings["alone"].sum() == ONE


def test_the_parts_of_the_real_labels_add_up_to_the_whole() -> None:
    summary = _nih()
    test = summary.parts["test"]
    assert (test.images, test.images - test.normal) == (25_596, 15_735)
    for key in ("images", "patients", "normal", "one", "several"):
        assert sum(getattr(part, key) for part in summary.parts.values()) == getattr(
            summary.whole, key
        )
    images = sum(part.findings["images"] for part in summary.parts.values())
    assert images.to_dict() == FINDINGS


def _small() -> LabelSummary:
    rows = study_rows(
        {
            "image": [f"{number}.png" for number in range(8)],
            "patient": list("aabbcdef"),
            "findings": [(), (), ("B",), ("B",), ("C_D", "B"), ("C_D", "B"), (), ("C_D",)],
        }
    ).assign(digest="")
    table = StudyTable(name="mine", rows=rows, finding_names=("A", "C_D", "B"), notes=("a fact",))
    split = split_of(rows, "image", sizes=(3, 1, 2))
    return summarise(table, split)


def test_findings_are_counted_alone_and_with_others_the_most_frequent_first() -> None:
    whole = _small().whole
    assert list(whole.findings.itertuples(name=None)) == [
        ("B", 4, 2, 2),
        ("C_D", 3, 1, 2),
        ("A", 0, 0, 0),
    ]
    assert (whole.images, whole.patients) == (8, 6)
    assert (whole.normal, whole.one, whole.several) == (3, 3, 2)


def test_an_unknown_patient_makes_their_number_unknown() -> None:
    rows = study_rows({"image": ["a", "b"], "patient": ["p", ""], "findings": [(), ()]})
    counts = count_labels(rows, ())
    assert counts.patients is None
    assert counts.findings.empty


def test_the_lines_are_aligned_and_name_every_part() -> None:
    lines = _small().lines()
    assert lines[:2] == ["mine: 8 images of 6 patients", "a fact"]
    assert lines[2].startswith("parts: split image, seed 0, hash ")
    assert lines[4].split() == ["all", "train", "validation", "test", "left", "out"]
    assert lines[6].startswith("normal ")
    assert "3 (37.5 %)" in lines[6]
    assert lines[9].split() == ["images", "8", "3", "1", "2", "2"]
    table = lines[12:]
    assert table[0].split()[:5] == ["finding", "alone", "with", "others", "all"]
    assert [line.split()[:4] for line in table[2:]] == [
        ["B", "2", "2", "4"],
        ["C_D", "1", "2", "3"],
        ["A", "0", "0", "0"],
    ]
    assert len({len(line) for line in table}) == 1


def test_json_has_every_number() -> None:
    summary = _small()
    content = json.loads(json.dumps(summary.as_dict()))
    assert content["findings"]["C_D"] == {"images": 3, "alone": 1, "with_others": 2}
    numbers = {key: content[key] for key in ("images", "patients", "normal", "one", "several")}
    assert numbers == {"images": 8, "patients": 6, "normal": 3, "one": 3, "several": 2}
    assert content["split"]["hash"] == summary.split.hash
    images = {part: counts["images"] for part, counts in content["parts"].items()}
    assert images == {"train": 3, "validation": 1, "test": 2, "left_out": 2}
    assert content["notes"] == ["a fact"]


def _area(picture: Path, colour: str) -> int:
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    return int((pixels == ImageColor.getrgb(colour)).all(axis=2).sum())


def test_the_bars_of_the_pictures_are_as_long_as_the_counts(tmp_path: Path) -> None:
    whole = _nih().whole
    findings, figure_7 = draw_summary(whole, tmp_path / "new")
    assert [path.name for path in (findings, figure_7)] == [
        "findings.png",
        "normal_one_several.png",
    ]
    with_others = whole.findings["with_others"].sum()
    drawn = _area(findings, LIGHT) / _area(findings, DARK)
    assert drawn == pytest.approx(with_others / ONE, rel=0.03)
    bars = [_area(figure_7, colour) for colour in (GRAY, DARK, LIGHT)]
    counts = [whole.normal, whole.one, whole.several]
    assert [bar / bars[0] for bar in bars] == pytest.approx(
        [count / NORMAL for count in counts], rel=0.03
    )


def test_a_set_of_normal_images_alone_can_be_drawn(tmp_path: Path) -> None:
    rows = study_rows({"image": list("abcde"), "findings": [()] * 5})
    counts = count_labels(rows, ())
    findings, figure_7 = draw_summary(counts, tmp_path)
    assert _area(findings, DARK) == 0
    assert _area(figure_7, GRAY) > 10_000
