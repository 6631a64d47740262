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
        "labels read: normal 2; findings: Mass (1), Nodule (1)",
    )
    assert study.reader.read("b.png").tolist() == [[2] * 4] * 4


def test_columns_of_standard_names_in_another_case(tmp_path: Path) -> None:
    text = "Path,LABEL,Patient,Sex\na.png,Mass,p1,F\nb.png,normal,p2,M\n"
    study = open_manifest(folder(tmp_path, text, "a.png", "b.png"), label_column="label")
    assert study.rows["findings"].tolist() == [("Mass",), ()]
    assert study.rows["patient"].tolist() == ["p1", "p2"]
    assert study.notes[0] == "columns of manifest.csv used by their names: Patient, Sex"


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
    assert study.notes == ("labels read: normal 1; findings: TB (1), fibrose (1)",)


def test_root_may_be_the_csv_file_and_paths_absolute(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "x.png"
    root = tmp_path / "set"
    root.mkdir()
    text = f"path,label\n{elsewhere},1\nsub\\a.png,0\n"
    folder(root, text, "sub/a.png", "../elsewhere/x.png")
    own = (root / "manifest.csv").rename(root / "mine.csv")
    study = open_manifest(own)
    assert set(study.rows["image"]) == {elsewhere.as_posix(), "sub/a.png"}
    assert study.reader.read(elsewhere.as_posix())[0, 0] == 2


@pytest.mark.parametrize(
    ("labels", "options", "findings"),
    [
        ("0 1", {}, [(), ("abnormal",)]),
        ("0.0 1.0", {}, [(), ("abnormal",)]),
        ("No yes", {}, [(), ("abnormal",)]),
        ("False TRUE", {}, [(), ("abnormal",)]),
        ("FALSCH WAHR", {}, [(), ("abnormal",)]),
        ("N y", {}, [(), ("abnormal",)]),
        ("false 1.0 yes", {}, [(), ("abnormal",), ("abnormal",)]),
        ("no TB", {"normal_labels": ["No"]}, [(), ("TB",)]),
        ("0 1", {"findings": ["0", "1"]}, [("0",), ("1",)]),
        ("0 1", {"normal_labels": ["1"]}, [("0",), ()]),
        ("0 1 TB", {"normal_labels": ["1"]}, [("0",), (), ("TB",)]),
        ("0 1 nan", {}, [(), ("abnormal",)]),  # the last row has no label
        (
            "None unknown",
            {"normal_labels": ["none"], "findings": ["unknown", "Mass"]},
            [(), ("unknown",)],
        ),
    ],
)
def test_zeros_ones_and_texts_for_an_unknown_label_mean_what_the_options_say(
    labels: str, options: dict[str, Any], findings: list[tuple[str, ...]], tmp_path: Path
) -> None:
    names = ("a.png", "b.png", "c.png")
    lines = [f"{name},{label}\n" for name, label in zip(names, labels.split(), strict=False)]
    study = open_manifest(folder(tmp_path, "path,label\n" + "".join(lines), *names), **options)
    assert study.rows["findings"].tolist() == findings
    assert len(study.problems) == len(lines) - len(findings)
    if not options:
        assert study.finding_names == ("abnormal",)


def test_a_finding_that_could_not_be_told_from_two_in_a_file_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "path,label\na.png,TB|old;fibrosis\nb.png,normal\n", "a.png", "b.png")
    with pytest.raises(InputError) as caught:
        open_manifest(tmp_path, label_separator=";")
    assert str(caught.value).startswith("finding 'TB|old' of data source 'manifest' holds '|'")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"data\.options .*label_separator"):
        open_manifest(tmp_path, label_separator="")


def test_problems_are_named_and_left_out(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label\na.png,Mass\nb.png,Mas\nc.png,\nd.png,Mass\nd.png,Nodule\nno.png,normal\n",
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
        (
            "contradictory",
            "d.png",
            "listed in 2 rows that differ in label: data.options.several_rows=union joins their "
            "findings",
        ),
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
        ("path,label, label\na.png,1,0\n", {}, "more than one column 'label'"),
        (
            "path,label\na.png,1\nb.png,Mass\n",
            {},
            r"column 'label' mixes 1 with other labels, such as 'Mass': .*normal_labels",
        ),
        ("path,label\na.png,0\nb.png,1\nc.png,2\n", {}, "mixes 0 and 1 .* such as '2'"),
        ("path,label\na.png,no\nb.png,TB\n", {}, "mixes no with other labels, such as 'TB'"),
        ("path,label\na.png,1\n,0\n", {}, "manifest.csv, line 3: column 'path' is empty"),
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


def test_at_most_twenty_findings_are_named_the_frequent_ones_first(tmp_path: Path) -> None:
    labels = [f"f{number:02}" for number in range(23)] + ["f22"] * 9 + ["Normal"] * 10
    names = [f"{row}.png" for row in range(len(labels))]
    lines = "".join(f"{name},{label}\n" for name, label in zip(names, labels, strict=True))
    study = open_manifest(folder(tmp_path, "path,label\n" + lines, *names))
    named = ", ".join(["f22 (10)", *(f"f{number:02} (1)" for number in range(19))])
    assert study.notes == (f"labels read: normal 10; findings: {named} and 3 more",)


@pytest.mark.parametrize("text", ["nan", "NaN", "NA", "n/a", "None", "null", "?", "-", "Unknown"])
def test_texts_for_a_label_that_is_not_known_are_no_findings(text: str, tmp_path: Path) -> None:
    root = folder(
        tmp_path, f"path,label\na.png,{text}\nb.png,Mass\nc.png,Mass|{text}\n", "a.png", "b.png"
    )
    study = open_manifest(root)
    assert study.finding_names == ("Mass",)
    assert [(p.kind, p.image, p.detail) for p in study.problems] == [
        ("unlabelled", "a.png", f"label {text!r} says nothing"),
        ("unlabelled", "c.png", f"label {'Mass|' + text!r} leaves something open"),
    ]


def test_a_split_column_of_other_words_is_noted_and_given_as_unknown(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        "path,label,split\na.png,Mass,fold0\nb.png,Mass,\nc.png,Normal,validate\n",
        "a.png",
        "b.png",
        "c.png",
    )
    study = open_manifest(root)
    assert study.rows["given_split"].tolist() == ["", "", "validation"]
    assert "split column: 2 images have none of train, validation, test" in study.notes


def test_two_spellings_of_one_file_are_one_image(tmp_path: Path) -> None:
    own = tmp_path.name
    folder(
        tmp_path,
        f"path,label\n./a.png,Mass\na.png,Normal\nsub/../b.png,Mass\n../{own}/c.png,Mass\n",
        "a.png",
        "b.png",
        "c.png",
    )
    study = open_manifest(tmp_path)
    assert study.rows["image"].tolist() == ["b.png", "c.png"]
    assert [(p.kind, p.image) for p in study.problems] == [("contradictory", "a.png")]


def test_rows_that_say_the_same_of_an_image_are_one_row(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label,patient,split,x\n"
        "a.png,Mass|Nodule,p1,train,1\n"
        "a.png,Nodule|Mass,p1,Train,2\n"
        "./a.png,Mass|Nodule,p1,train,3\n"
        "b.png,Mass,p1,val,\nb.png,Mass,p2,test,\n"
        "c.png,,p3,test,\nc.png,nan,p3,test,\n"
        "d.png,normal,p4,test,\n",
        *(f"{name}.png" for name in "abcd"),
    )
    study = open_manifest(tmp_path)
    assert study.rows["image"].tolist() == ["a.png", "d.png"]
    assert study.rows["findings"].tolist() == [("Mass", "Nodule"), ()]
    assert {(p.kind, p.image, p.detail) for p in study.problems} == {
        ("contradictory", "b.png", "listed in 2 rows that differ in patient and split"),
        ("unlabelled", "c.png", "label 'nan' says nothing"),
    }
    assert "3 rows repeat what an earlier row says of the same image" in study.notes


def test_other_facts_are_those_of_the_first_row_and_a_note_says_so(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label,view,sex,age\na.png,Mass,PA,F,5\na.png,Mass,AP,F,\nb.png,Mass,PA,F,7\n"
        "b.png,Mass,PA,F,7\nc.png,Mass,PA,F,\nc.png,normal,PA,M,\n",
        *(f"{name}.png" for name in "abc"),
    )
    study = open_manifest(tmp_path)
    assert study.rows[["image", "view", "age"]].to_numpy().tolist() == [
        ["a.png", "PA", 5],
        ["b.png", "PA", 7],
    ]
    note = "images with rows that differ in view or age: 1; the first row of each is used"
    assert note in study.notes


def test_patients_that_are_unknown_or_one_number(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "path,label,patient\na.png,Mass,7\na.png,Mass,007\nb.png,normal,nan\nc.png,Mass,7.0\n",
        *(f"{name}.png" for name in "abc"),
    )
    text, number = open_manifest(tmp_path), open_manifest(tmp_path, patient_ids="number")
    assert text.rows[["image", "patient"]].to_numpy().tolist() == [["b.png", ""], ["c.png", "7.0"]]
    assert text.problems[0].detail == "listed in 2 rows that differ in patient"
    assert number.rows["patient"].tolist() == ["7", "", "7"]
    assert number.problems == ()
    assert "1 entries of the patient column were taken as unknown" in text.notes


def test_images_in_another_folder_than_the_table(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    folder(tmp_path / "tables", "path,label\na.png,Mass\nb.png,normal\n", "../xrays/in/a.png")
    Image.new("L", (4, 4), 7).save(tmp_path / "xrays" / "in" / "b.png")
    for image_folder in ("../xrays", str(tmp_path / "xrays")):
        study = open_manifest(tmp_path / "tables", image_folder=image_folder)
        assert study.rows["image"].tolist() == ["in/a.png", "in/b.png"]
        assert study.reader is not None
        assert study.reader.read("in/b.png")[0, 0] == 7
    with pytest.raises(InputError, match=r"no folder .*data\.options\.image_folder"):
        open_manifest(tmp_path / "tables", image_folder="absent")


def test_patients_in_paths(tmp_path: Path) -> None:
    paths = ("patient01/study1/a.png", "patient01/study2/a.png", "other/b.png")
    root = folder(tmp_path, "path,label\n" + "".join(f"{path},Mass\n" for path in paths), *paths)
    study = open_manifest(root, patient_pattern=r"(patient\d+)/")
    assert study.rows[["image", "patient"]].to_numpy().tolist() == [
        ["other/b.png", ""],
        ["patient01/study1/a.png", "patient01"],
        ["patient01/study2/a.png", "patient01"],
    ]
    assert r"patients by (patient\d+)/ in the paths: 1 in 2 of 3 images" in study.notes
    with pytest.raises(InputError, match="patient_pattern"):
        open_manifest(root, patient_pattern="patient", patient_column="label")
    with pytest.raises(InputError, match="leave one of them out"):
        open_manifest(root, patient_pattern="(patient)", patient_column="label")


@pytest.mark.parametrize("text", ["No_Finding", "NO  FINDING", " normal ", "_Healthy", "NEGATIVE"])
def test_words_for_normal_in_any_spelling(text: str, tmp_path: Path) -> None:
    study = open_manifest(folder(tmp_path, f"path,label\na.png,{text}\n", "a.png"))
    assert (study.rows["findings"].tolist(), study.finding_names) == ([()], ())


def test_findings_that_look_like_several_are_questioned(tmp_path: Path) -> None:
    root = folder(
        tmp_path, 'path,label\na.png,"TB, old"\nb.png,"TB;Mass"\nc.png,TB\n', "a.png", "b.png"
    )
    study = open_manifest(root)
    assert study.finding_names == ("TB", "TB, old", "TB;Mass")
    assert study.notes[:2] == (
        "findings that hold ',' and were each taken for one: 'TB, old'; if they are several: "
        "--set 'data.options.label_separator=,'",
        "findings that hold ';' and were each taken for one: 'TB;Mass'; if they are several: "
        "--set 'data.options.label_separator=;'",
    )
    study = open_manifest(root, label_separator=",")
    assert study.rows["findings"].tolist() == [("TB", "old"), ("TB;Mass",)]
    assert len(study.notes) == 2
    assert len(open_manifest(root, findings=["TB", "TB, old", "TB;Mass"]).notes) == 1


def test_findings_that_differ_in_case_underscores_or_blanks_are_one(tmp_path: Path) -> None:
    names = ("a.png", "b.png", "c.png", "d.png")
    labels = ("Mass|pleural_thickening", "Pleural  Thickening", "mass|Pleural Thickening", "Mass")
    lines = "".join(f"{name},{label}\n" for name, label in zip(names, labels, strict=True))
    study = open_manifest(folder(tmp_path, "path,label\n" + lines, *names))
    both = ("Mass", "Pleural  Thickening")
    assert study.rows["findings"].tolist() == [both, both[1:], both, both[:1]]
    assert study.finding_names == both
    assert study.notes[0] == (
        "findings in another spelling: 'Pleural Thickening' is 'Pleural  Thickening', "
        "'mass' is 'Mass', 'pleural_thickening' is 'Pleural  Thickening'"
    )
    known = ["Pleural_Thickening", "Mass", "mass"]
    study = open_manifest(tmp_path, findings=known)
    assert study.rows["findings"].tolist()[:2] == [
        ("Mass", "Pleural_Thickening"),
        ("Pleural_Thickening",),
    ]
    assert study.rows["findings"][2] == ("Pleural_Thickening", "mass")


def test_absolute_paths_in_the_folder_become_relative_to_it(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    names = ("a.png", "b.png", "c.png")
    folder(real, f"path,label\n{real}/a.png,Mass\n{link}/b.png,Mass\nc.png,Normal\n", *names)
    study = open_manifest(link)
    assert study.rows["image"].tolist() == list(names)
    assert [study.reader.read(name)[0, 0] for name in names] == [1, 2, 3]


def test_other_encodings_and_delimiters_are_read_and_noted(tmp_path: Path) -> None:
    folder(tmp_path, "", "ä.png")
    (tmp_path / "manifest.csv").write_bytes("path;label\nä.png;1\n".encode("cp1252"))
    study = open_manifest(tmp_path)
    assert study.rows["image"].tolist() == ["ä.png"]
    note = "manifest.csv: text in Windows-1252, columns divided by semicolons"
    assert study.notes[0] == note


def test_a_list_without_header(tmp_path: Path) -> None:
    folder(tmp_path, "p1 a.png normal\np2 b.png TB\n", "a.png", "b.png")
    with pytest.raises(InputError, match=r"data\.options\.header=none.*data.options.path_column"):
        open_manifest(tmp_path)
    columns = {"path_column": "2", "label_column": "3", "patient_column": "1"}
    study = open_manifest(tmp_path, header="none", **columns)
    assert study.rows["image"].tolist() == ["a.png", "b.png"]
    assert study.rows["findings"].tolist() == [(), ("TB",)]
    assert study.rows["patient"].tolist() == ["p1", "p2"]


def test_real_pneumonia_set() -> None:
    study = open_manifest(shared("kermany"))
    normal = study.rows["findings"].map(len) == 0
    assert (int(normal.sum()), int((~normal).sum())) == (1_341, 3_875)
    assert study.finding_names == ("PNEUMONIA",)
    assert study.rows["patient"].nunique() == 2_846
    assert study.problems == ()
    assert study.reader.read(study.rows["image"][0]).shape == (128, 128)
