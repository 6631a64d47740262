"""A column for each finding, with 1, 0, -1 and blank cells, as CheXpert has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.data.sources.manifest import ManifestOptions, read_labels
from bench.data.study import StudyTable
from bench.errors import InputError

# Columns of CheXpert's train.csv; d.png has an uncertain finding, e.png no mention of any.
CHEXPERT = """Path,Sex,Age,No Finding,Edema,Pneumonia,Support Devices
a.png,Male,1,1.0,,,1.0
b.png,Male,68,,1.0,1.0,
c.png,Female,87,,0.0,1.0,
d.png,Female,0,,-1.0,,
e.png,Male,1,1.0,,,
"""


def study(tmp_path: Path, text: str = CHEXPERT, **options: Any) -> StudyTable:
    (tmp_path / "t.csv").write_text(text)
    options.setdefault("path_column", "Path")
    return read_labels(tmp_path / "t.csv", ManifestOptions(**options))


def findings(found: StudyTable) -> dict[str, tuple[str, ...]]:
    return dict(zip(found.rows["image"], found.rows["findings"], strict=True))


def test_all_columns_of_findings_by_a_pattern(tmp_path: Path) -> None:
    found = study(tmp_path, finding_columns=["*"], age_column="Age", sex_column="Sex")
    assert found.finding_names == ("Edema", "Pneumonia", "Support Devices")
    assert findings(found) == {
        "a.png": ("Support Devices",),
        "b.png": ("Edema", "Pneumonia"),
        "c.png": ("Pneumonia",),
        "e.png": (),
    }
    assert found.problems == ()
    assert found.notes == (
        "rows positive/negative/blank/uncertain: No Finding 2/0/3/0, Edema 1/1/2/1, "
        "Pneumonia 2/0/3/0, Support Devices 1/0/4/0; blank taken as negative, uncertain left out",
        "images left out: 1 uncertain in a column of findings",
        "labels read: normal 1; findings: Pneumonia (2), Edema (1), Support Devices (1)",
    )


@pytest.mark.parametrize(
    ("blank", "uncertain", "read"),
    [
        ("negative", "negative", {"b": ("Edema",), "a": (), "c": (), "d": (), "e": ()}),
        ("negative", "positive", {"b": ("Edema",), "a": (), "c": (), "d": ("Edema",), "e": ()}),
        ("positive", "drop", {"a": ("Edema",), "b": ("Edema",), "c": (), "e": ("Edema",)}),
        ("drop", "drop", {"b": ("Edema",), "c": ()}),
        ("drop", "positive", {"b": ("Edema",), "c": (), "d": ("Edema",)}),
    ],
)
def test_blank_and_uncertain_cells_mean_what_the_options_say(
    blank: str, uncertain: str, read: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    found = study(tmp_path, finding_columns=["Edema"], blank=blank, uncertain=uncertain)
    assert findings(found) == {f"{name}.png": names for name, names in read.items()}


@pytest.mark.parametrize("options", [{"label_column": "No Finding"}, {"finding_columns": ["No*"]}])
def test_a_column_of_normal_images_is_read_the_right_way_round(
    options: dict[str, Any], tmp_path: Path
) -> None:
    found = study(tmp_path, **options)
    assert findings(found) == {
        "a.png": (),
        "b.png": ("abnormal",),
        "c.png": ("abnormal",),
        "d.png": ("abnormal",),
        "e.png": (),
    }
    assert found.finding_names == ("abnormal",)
    assert any("No Finding 2/0/3/0" in note for note in found.notes)


@pytest.mark.parametrize("name", ["No Finding", "normal"])
def test_a_normal_column_with_zeros_has_no_label_where_it_is_blank(
    name: str, tmp_path: Path
) -> None:
    found = study(tmp_path, f"Path,{name}\na.png,1\nb.png,0\nc.png,\n", label_column=name)
    assert findings(found) == {"a.png": (), "b.png": ("abnormal",)}
    assert [(problem.kind, problem.image) for problem in found.problems] == [
        ("unlabelled", "c.png")
    ]


def test_a_label_column_of_ones_and_blanks_is_questioned(tmp_path: Path) -> None:
    text = "Path,TB\na.png,1\nb.png,\n"
    found = study(tmp_path, text, label_column="TB")
    assert findings(found) == {"a.png": ("abnormal",)}
    assert len(found.problems) == 1
    assert any("'data.options.finding_columns=[\"TB\"]'" in note for note in found.notes)
    assert findings(study(tmp_path, text, finding_columns=["TB"])) == {
        "a.png": ("TB",),
        "b.png": (),
    }


def test_an_image_that_is_neither_normal_nor_has_a_finding_is_left_out(tmp_path: Path) -> None:
    found = study(tmp_path, finding_columns=["No Finding", "Edema"], uncertain="negative")
    assert findings(found) == {"a.png": (), "b.png": ("Edema",), "e.png": ()}
    assert "images left out: 2 neither normal nor with a finding" in found.notes


def test_uncertain_is_never_a_finding_and_the_advice_leads_there(tmp_path: Path) -> None:
    for options in ({}, {"normal_labels": ["0.0"]}, {"normal_labels": ["0.0", ""]}):
        with pytest.raises(InputError, match=r't\.csv, line 5: .*finding_columns=\["Edema"\]'):
            study(tmp_path, label_column="Edema", **options)
    assert findings(study(tmp_path, finding_columns=["Edema"]))["b.png"] == ("Edema",)
    with pytest.raises(InputError, match=r"line 3: .*'-1', beside labels such as 'Mass'"):
        study(tmp_path, "Path,label\na.png,Mass\nb.png,-1\n")
    with pytest.raises(InputError, match=r"'label' of t\.csv holds run lengths .*0 where it is -1"):
        study(tmp_path, "Path,label\na.png,387000 23 996 33\nb.png,-1\nc.png,4 7\n")


def test_columns_that_are_no_label_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'label'.*finding_columns=\[\"\*\"\]"):
        study(tmp_path)
    with pytest.raises(InputError, match=r"no column 'edem' .*finding_columns.*mean Edema"):
        study(tmp_path, finding_columns=["edem"])
    with pytest.raises(InputError, match=r"t\.csv, line 2: column 'Sex' holds 'Male' \(5 such"):
        study(tmp_path, finding_columns=["Edema", "Sex"])
    with pytest.raises(InputError, match=r"no column that fits 'x\*'"):
        study(tmp_path, finding_columns=["x*"])
    with pytest.raises(InputError, match=r"data\.options\.findings"):
        study(tmp_path, finding_columns=["Edema"], findings=["Edema"])


def test_words_and_decimal_commas_in_columns_of_findings(tmp_path: Path) -> None:
    text = "Path;TB;X\na.png;yes;1,0\nb.png;False;0\nc.png;nan;-1,0\nd.png;?;0\n"
    with pytest.raises(InputError, match=r"t\.csv, line 5: column 'TB' holds '\?'"):
        study(tmp_path, text, finding_columns=["TB"])
    found = study(tmp_path, text.replace("?", ""), finding_columns=["*"], uncertain="positive")
    assert list(findings(found).values()) == [("TB", "X"), (), ("X",), ()]


# VinDr-CXR: a row for each image, finding and reader.
BOXES = """path,label,reader
a.png,Mass,R1
a.png,No finding,R2
a.png,Edema,R3
b.png,No finding,R1
b.png,No finding,R2
c.png,Mass,R1
c.png,,R2
"""


def test_rows_of_one_image_are_joined_where_asked(tmp_path: Path) -> None:
    found = study(tmp_path, BOXES, path_column="path")
    detail = "listed in 3 rows that differ in label: data.options.several_rows=union joins"
    assert [problem.kind for problem in found.problems] == ["contradictory"] * 2
    assert {problem.image: problem for problem in found.problems}["a.png"].detail.startswith(detail)
    found = study(tmp_path, BOXES, path_column="path", several_rows="union")
    assert findings(found) == {"a.png": ("Edema", "Mass"), "b.png": ()}
    assert [problem.image for problem in found.problems] == ["c.png"]
    assert found.notes[:2] == (
        "1 row repeats what an earlier row says of the same image",
        "rows whose different findings were joined: 3, of 1 images; a row of 1 of these says "
        "normal",
    )
