"""Folders of classes: parts, labels and patients by the folders and names that people have."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from PIL import Image

from bench.config import DataConfig, load_experiment
from bench.data.load import open_study
from bench.data.sources.tree import are_class_folders, look
from bench.data.splits import make_split
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.registry import DATASETS


def tree(root: Path, *files: str) -> Path:
    """Images of 4 px, each of another gray value; other files hold a word."""
    for value, name in enumerate(files):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".png", ".jpeg", ".tif"):
            Image.new("L", (4, 4), value).save(file)
        else:
            file.write_text("word")
    return root


def open_folders(root: Path, **options: Any) -> StudyTable:
    return DATASETS.get("folders").open(root=root, image_size=4, options=options)


def table(study: StudyTable, *columns: str) -> list[list[object]]:
    return study.rows[["image", *columns]].to_numpy().tolist()


def test_parts_and_classes_are_those_of_the_folders(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "train/NORMAL/a.png",
        "train/PNEUMONIA/deep/er/b.jpeg",
        "Validation/normal/a.png",
        "valid/pneumonia/c.png",
        "TEST/Normal/a.png",
        "testing/Pneumonia/d.tif",
        "training/PNEUMONIA/e.png",
    )
    study = open_folders(tmp_path)
    assert table(study, "findings", "given_split", "patient") == [
        ["TEST/Normal/a.png", (), "test", ""],
        ["Validation/normal/a.png", (), "validation", ""],
        ["testing/Pneumonia/d.tif", ("PNEUMONIA",), "test", ""],
        ["train/NORMAL/a.png", (), "train", ""],
        ["train/PNEUMONIA/deep/er/b.jpeg", ("PNEUMONIA",), "train", ""],
        ["training/PNEUMONIA/e.png", ("PNEUMONIA",), "train", ""],
        ["valid/pneumonia/c.png", ("PNEUMONIA",), "validation", ""],
    ]
    assert study.finding_names == ("PNEUMONIA",)
    assert study.problems == ()
    assert study.notes == (
        "class folders: normal: NORMAL (3); findings: PNEUMONIA (4)",
        "class folders in another spelling: 'Normal' is 'NORMAL', 'Pneumonia' is 'PNEUMONIA', "
        "'normal' is 'NORMAL', 'pneumonia' is 'PNEUMONIA'",
        "parts by folders: train 3, validation 2, test 2",
    )
    assert study.reader is not None
    assert study.reader.read("TEST/Normal/a.png").tolist() == [[4] * 4] * 4


@pytest.mark.parametrize("around", ["", "download/chest_xray/"])
def test_classes_alone_also_inside_of_other_folders(around: str, tmp_path: Path) -> None:
    tree(tmp_path, *(f"{around}{name}" for name in ("No_Finding/a.png", "TB/a.png", "TB/x/b.png")))
    tree(tmp_path, "README.txt", "__MACOSX/x")
    study = open_folders(tmp_path)
    assert table(study, "findings", "given_split") == [
        ["No_Finding/a.png", (), ""],
        ["TB/a.png", ("TB",), ""],
        ["TB/x/b.png", ("TB",), ""],
    ]
    where = ["class folders found in download/chest_xray/"] if around else []
    up = "../../" if around else ""
    assert study.notes == (
        "class folders: normal: No_Finding (1); findings: TB (2)",
        "no part folders",
        *where,
        f"files in no class folder that are not read: 1 ({up}README.txt)",
        f"system files and folders that are not read: 1 ({up}__MACOSX)",
    )


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    tree(tmp_path, "normal/a.png", "mass/b.png")
    (tmp_path / "tuberculosis").mkdir()
    assert "class folders without an image: 1 (tuberculosis)" in open_folders(tmp_path).notes


def test_parts_inside_of_the_classes(tmp_path: Path) -> None:
    tree(tmp_path, "Normal/train/a.png", "Normal/test/b.png", "TB/Train/c.png", "TB/d.png")
    study = open_folders(tmp_path)
    assert table(study, "given_split") == [
        ["Normal/test/b.png", "test"],
        ["Normal/train/a.png", "train"],
        ["TB/Train/c.png", "train"],
        ["TB/d.png", ""],
    ]
    assert study.notes[1:] == (
        "parts by folders: train 2, test 1",
        "images in no part folder: 1",
    )


def test_what_is_no_image_is_named_or_counted(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "train/NORMAL/a.png",
        "train/NORMAL/a.txt",
        "train/NORMAL/._a.png",
        "train/NORMAL/Thumbs.db",
        "~$labels.xlsx",
        "train/NORMAL/.ipynb_checkpoints/a.png",
        "train/TB/b.png",
        "train/TB/masks/b.png",
        "train/loose.png",
        "train/unknown/u.png",
        "train/annotations/b.xml",
        "chest_xray/train/NORMAL/a.png",
        "__MACOSX/train/NORMAL/x.png",
        "README",
        "labels.csv",
    )
    (tmp_path / "test" / "NORMAL").mkdir(parents=True)
    study = open_folders(tmp_path)
    assert study.rows["image"].tolist() == ["train/NORMAL/a.png", "train/TB/b.png"]
    assert {(p.kind, p.image, p.detail) for p in study.problems} == {
        ("unreadable", "train/NORMAL/a.txt", "no image by its name"),
        ("unlabelled", "train/loose.png", "lies in no class folder"),
        ("unlabelled", "train/unknown/u.png", "class 'unknown' says nothing"),
    }
    assert study.notes[1:] == (
        "parts by folders: train 2",
        "class folders without an image: 2 (test/NORMAL, train/annotations)",
        "folders of masks that are not read: 1 (train/TB/masks)",
        "files in no class folder that are not read: 4 (chest_xray/train/NORMAL/a.png, README, "
        "labels.csv, train/annotations/b.xml)",
        "system files and folders that are not read: 5 (__MACOSX, ~$labels.xlsx, "
        "train/NORMAL/.ipynb_checkpoints, train/NORMAL/._a.png, train/NORMAL/Thumbs.db)",
    )


@pytest.mark.parametrize(
    ("classes", "normal", "findings"),
    [
        (("covid", "non-covid"), "non-covid", ("covid",)),
        (("0", "1"), "0", ("1",)),
        (("no", "yes"), "NO", ("yes",)),
        (("Normal", "Healthy", "TB"), None, ("TB",)),
        (("normal", "no TB", "TB"), "no_tb", ("TB", "normal")),
        (("covid", "TB"), "", ("TB", "covid")),
    ],
)
def test_which_class_is_normal_is_asked_and_never_guessed(
    classes: tuple[str, ...], normal: str | None, findings: tuple[str, ...], tmp_path: Path
) -> None:
    tree(tmp_path, *(f"{name}/a.png" for name in classes))
    options = {} if normal is None else {"normal_labels": [normal] if normal else []}
    if normal is not None and "normal" not in classes:
        with pytest.raises(InputError, match=r"data\.options\.normal_labels") as caught:
            open_folders(tmp_path)
        assert all(name in str(caught.value) for name in classes)
    assert open_folders(tmp_path, **options).finding_names == findings


def test_patients_by_a_pattern(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        "train/NORMAL/IM-0115-0001.jpeg",
        "train/PNEUMONIA/person1_bacteria_1.jpeg",
        "train/PNEUMONIA/person1_virus_2.jpeg",
        "test/PNEUMONIA/person1_virus_6.jpeg",
        "test/NORMAL/other.jpeg",
    )
    study = open_folders(root, patient_pattern=r"(person\d+|IM-\d+)")
    assert dict(zip(study.rows["image"], study.rows["patient"], strict=True)) == {
        "train/NORMAL/IM-0115-0001.jpeg": "IM-0115",
        "train/PNEUMONIA/person1_bacteria_1.jpeg": "person1",
        "train/PNEUMONIA/person1_virus_2.jpeg": "person1",
        "test/PNEUMONIA/person1_virus_6.jpeg": "person1",
        "test/NORMAL/other.jpeg": "",
    }
    note = r"patients by (person\d+|IM-\d+) in the paths: 2 in 4 of 5 images"
    assert note in study.notes
    config = DataConfig(source="folders", root=root, split="patient")
    with pytest.raises(InputError, match=r"5 of 5 images .*data\.options\.patient_pattern"):
        make_split(open_study(config).rows.assign(digest=""), config)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (("a.png", "b.png"), {}, "no folders of classes"),
        (("images/a.png", "labels.csv"), {}, "which class is normal? The folders are images"),
        (("Normal/a.png",), {"normal_labels": ["Norml"]}, "did you mean Normal?"),
        (("Normal/a.png",), {"patient_pattern": "("}, "no regular expression"),
        (("Normal/a.png",), {"patient_pattern": "p1"}, "has 0 groups"),
        (("Normal/a.png", "a|b/a.png"), {}, "holds '|'"),
    ],
)
def test_unusable_trees_give_one_line(
    files: tuple[str, ...], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    tree(tmp_path, *files)
    with pytest.raises(InputError) as caught:
        open_folders(tmp_path, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


STEPS = st.sampled_from(
    ["train", "Val", "test", "normal", "NORMAL", "TB", "tb", "unknown", "masks", "__MACOSX", "x|y",
     ".git", "a b", "1"]
)  # fmt: skip
FILES = st.sampled_from(["a.png", "b.PNG", "c.txt", "d.dcm", "e", "Thumbs.db", ".f.png", "g.123"])


@given(
    st.sets(st.tuples(st.lists(STEPS, max_size=4).map("/".join), FILES).map("/".join), max_size=9),
    st.sampled_from([None, ["normal"], []]),
)
def test_no_file_of_any_tree_is_lost(paths: set[str], normal: list[str] | None) -> None:
    names = {path.lstrip("/") for path in paths}
    options = {} if normal is None else {"normal_labels": normal}
    with TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_text(name)
        try:
            study = open_folders(Path(folder), **options)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 -- either is right
            return
    named = {problem.image for problem in study.problems}
    read = set(study.rows["image"])
    assert not read & named
    assert len(study.rows) == len(read)
    hidden = {
        name
        for name in names
        if any(
            step in ("masks", "__MACOSX", "Thumbs.db") or step[0] == "." for step in name.split("/")
        )
    }
    beside = [note for note in study.notes if note.startswith("files in no class folder")]
    counted = int(beside[0].split()[9]) if beside else 0
    assert len(read) + len(named) + len(hidden) + counted == len(names)


def test_a_link_to_a_folder_is_followed_and_a_loop_is_not(tmp_path: Path) -> None:
    tree(tmp_path / "all", "N/a.png", "TB/b.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "normal").symlink_to(tmp_path / "all" / "N")
    (tmp_path / "set" / "TB").symlink_to(tmp_path / "all" / "TB")
    (tmp_path / "all" / "TB" / "loop").symlink_to(tmp_path / "all")
    study = open_folders(tmp_path / "set")
    assert study.rows["image"].tolist() == ["TB/b.png", "normal/a.png"]


def test_a_manifest_that_is_no_manifest_names_the_source_of_class_folders(tmp_path: Path) -> None:
    tree(tmp_path, "train/NORMAL/a.png", "train/TB/b.png")
    assert are_class_folders(look(tmp_path))
    with pytest.raises(InputError, match="--config folders"):
        DATASETS.get("manifest").open(root=tmp_path, image_size=4, options={})
    for files in (
        ("images/a.png", "labels.csv"),
        ("train/patient1/a.png", "train/patient2/a.png", "train.csv"),
    ):
        assert not are_class_folders(look(tree(tmp_path / files[-1], *files)))


def test_the_shipped_config_divides_images_as_their_folders_do(tmp_path: Path) -> None:
    parts = {"train": 4, "val": 2, "test": 3}
    files = [
        f"{part}/{label}/{part}{number}.png"
        for part, images in parts.items()
        for label in ("NORMAL", "PNEUMONIA")
        for number in range(images)
    ]
    config = load_experiment("folders", changes={"data.root": tree(tmp_path, *files)}).data
    split = make_split(open_study(config).rows, config)
    assert {name: len(rows) for name, rows in split.parts.items()} == {
        "train": 8,
        "validation": 4,
        "test": 6,
    }
