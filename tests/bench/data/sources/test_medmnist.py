"""MedMNIST's files: classes or labels, gray or colour, and clear refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.study import NIH_FINDINGS, StudyTable
from bench.errors import InputError
from bench.registry import DATASETS

COUNTS = {"train": 5, "val": 3, "test": 4}


def arrays(
    *, labels: int = 1, classes: int = 2, shape: tuple[int, ...] = (28, 28)
) -> dict[str, NDArray[Any]]:
    """A small file's content: class or label values cycle through 0 … classes - 1."""
    random = np.random.default_rng(0)
    content: dict[str, NDArray[Any]] = {}
    for split, count in COUNTS.items():
        content[f"{split}_images"] = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        values = np.arange(count * labels) % classes
        content[f"{split}_labels"] = values.reshape(count, labels).astype(np.uint8)
    return content


def write(path: Path, content: dict[str, NDArray[Any]], *, compressed: bool = True) -> Path:
    save: Any = np.savez_compressed if compressed else np.savez
    save(path, **content)
    return path


def open_file(root: Path, **options: Any) -> StudyTable:
    return DATASETS.get("medmnist").open(root=root, image_size=28, options=options)


@pytest.mark.parametrize("compressed", [True, False])
def test_binary_file_with_its_splits(compressed: bool, tmp_path: Path) -> None:
    content = arrays()
    study = open_file(write(tmp_path / "pneumoniamnist.npz", content, compressed=compressed))
    rows = study.rows.set_index("image")
    assert study.rows["given_split"].value_counts().to_dict() == {
        "train": 5,
        "validation": 3,
        "test": 4,
    }
    for split, count in COUNTS.items():
        for row in range(count):
            image = f"{split}_{row:06d}"
            np.testing.assert_array_equal(study.reader.read(image), content[f"{split}_images"][row])
            abnormal = content[f"{split}_labels"][row, 0] == 1
            assert rows.loc[image, "findings"] == (("Pneumonia",) if abnormal else ())
    assert study.finding_names == ("Pneumonia",)
    assert study.notes == ("pneumoniamnist.npz: 12 images of 28×28 px",)
    assert set(study.rows["patient"]) == {""}


@pytest.mark.parametrize(
    ("name", "options", "classes", "findings", "normal"),
    [
        ("breastmnist_64.npz", {}, 2, ("malignant",), 1),
        (
            "octmnist.npz",
            {},
            4,
            ("choroidal neovascularization", "diabetic macular edema", "drusen"),
            3,
        ),
        ("mine.npz", {}, 3, ("class_1", "class_2"), 0),
        ("mine.npz", {"normal_class": 2}, 3, ("class_0", "class_1"), 2),
    ],
)
def test_one_class_is_normal_and_the_others_are_findings(
    name: str,
    options: dict[str, int],
    classes: int,
    findings: tuple[str, ...],
    normal: int,
    tmp_path: Path,
) -> None:
    content = arrays(classes=classes)
    study = open_file(write(tmp_path / name, content), **options)
    assert study.finding_names == findings
    stacked = np.concatenate([content[f"{split}_labels"] for split in COUNTS])
    is_normal = study.rows["findings"].map(len) == 0
    assert int(is_normal.sum()) == int((stacked == normal).sum())
    noted = "class 0 is taken as normal (data.options.normal_class)" in study.notes
    assert noted == (name == "mine.npz" and not options)


def test_fourteen_labels_are_chestmnists(tmp_path: Path) -> None:
    content = arrays(labels=14)
    content["train_labels"][:] = 0
    content["train_labels"][1, [0, 12]] = 1
    study = open_file(write(tmp_path / "chestmnist.npz", content))
    findings = study.rows.set_index("image")["findings"]
    assert study.finding_names == NIH_FINDINGS
    assert findings["train_000000"] == ()
    assert findings["train_000001"] == ("Atelectasis", "Pleural_Thickening")


def test_colour_becomes_gray(tmp_path: Path) -> None:
    content = arrays(shape=(32, 32, 3))
    for split in COUNTS:
        content[f"{split}_images"][:] = content[f"{split}_images"][..., :1]
    study = open_file(write(tmp_path / "mine.npz", content))
    np.testing.assert_array_equal(study.reader.read("val_000002"), content["val_images"][2, ..., 0])


@pytest.mark.parametrize("form", ["(n, h, w, 1)", "labels (n,)", "labels of floats"])
def test_home_made_forms_are_read_as_the_plain_one(form: str, tmp_path: Path) -> None:
    plain = arrays(classes=3)
    other = dict(plain)
    for split in COUNTS:
        if form == "(n, h, w, 1)":
            other[f"{split}_images"] = plain[f"{split}_images"][..., None]
        elif form == "labels (n,)":
            other[f"{split}_labels"] = plain[f"{split}_labels"][:, 0]
        else:
            other[f"{split}_labels"] = plain[f"{split}_labels"].astype(np.float32)
    study, expected = (
        open_file(write(tmp_path / name, content))
        for name, content in (("mine.npz", other), ("plain.npz", plain))
    )
    assert study.rows.equals(expected.rows)
    for image in study.rows["image"]:
        np.testing.assert_array_equal(study.reader.read(image), expected.reader.read(image))


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.bool_])
def test_one_hot_labels_are_classes(dtype: type, tmp_path: Path) -> None:
    plain = arrays(classes=3)
    one_hot = plain | {
        f"{split}_labels": np.eye(3, dtype=dtype)[plain[f"{split}_labels"][:, 0]]
        for split in COUNTS
    }
    study = open_file(write(tmp_path / "mine.npz", one_hot))
    assert study.rows.equals(open_file(write(tmp_path / "plain.npz", plain)).rows)
    assert study.finding_names == ("class_1", "class_2")
    assert study.notes[1:] == (
        "each image has one of 3 labels: they are taken as classes",
        "class 0 is taken as normal (data.options.normal_class)",
    )
    one_hot["test_labels"][0] = 1  # one row with several: findings, not classes
    study = open_file(write(tmp_path / "mine.npz", one_hot))
    assert study.finding_names == ("label_0", "label_1", "label_2")


def test_a_folder_with_one_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no .npz file in"):
        open_file(tmp_path)
    write(tmp_path / "a.npz", arrays())
    assert "a.npz: 12 images of 28×28 px" in open_file(tmp_path).notes
    write(tmp_path / "b.npz", arrays())
    with pytest.raises(InputError, match=r"2 .npz files .*\(a.npz, b.npz\): .* --data"):
        open_file(tmp_path)


def test_no_pixels_are_loaded_for_the_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "mine.npz", arrays())
    loaded: list[str] = []
    original = np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(
        np.lib.npyio.NpzFile,
        "__getitem__",
        lambda self, key: loaded.append(key) or original(self, key),
    )
    study = open_file(tmp_path)
    assert sorted(loaded) == ["test_labels", "train_labels", "val_labels"]
    loaded.clear()
    images = [image for image in study.rows["image"] if image.startswith("train")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(study.reader.read, images * 20))
    assert loaded == ["train_images"]


def test_damaged_pixels_are_refused_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", arrays(), compressed=False)
    study = open_file(path)
    whole = bytearray(path.read_bytes())
    start = whole.find(b"NUMPY") + 200
    whole[start : start + 50] = bytes(50)
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"mine.npz cannot be read .*Bad CRC-32"):
        study.reader.read("train_000000")


def without(name: str) -> dict[str, NDArray[Any]]:
    content = arrays()
    del content[name]
    return content


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (arrays(shape=(28, 28, 28)), {}, "three-dimensional"),
        (arrays(shape=(8, 8, 8, 3)), {}, "three-dimensional"),
        (without("val_images"), {}, "no array 'val_images'"),
        (without("test_labels"), {}, "no array 'test_labels'"),
        (arrays() | {"val_images": np.zeros((3, 28, 28))}, {}, "val_images is float64"),
        (arrays() | {"val_labels": np.zeros((9, 1), np.uint8)}, {}, "val_images is of shape"),
        (arrays() | {"val_images": np.zeros((3, 28, 28))}, {}, r"255 \* images"),
        (arrays() | {"val_images": np.zeros((3, 28, 28), np.uint16)}, {}, r"257\) .*/ 16\.06"),
        (arrays(shape=(1, 28, 28)), {}, r"channels first: .*moveaxis"),
        (arrays() | {"val_labels": np.full((3, 1), 0.5)}, {}, "val_labels is float64"),
        (arrays() | {"val_labels": np.full((3, 1), np.nan)}, {}, "val_labels is float64"),
        (arrays() | {"val_labels": np.zeros((3, 2), np.uint8)}, {}, "different numbers of labels"),
        (arrays(labels=2, classes=3), {}, "must be 0 or 1"),
        (arrays(), {"normal_class": 7}, "no class 7 .* it has 0, 1"),
        (arrays(labels=3), {"normal_class": 0}, "several labels per image"),
    ],
)
def test_unusable_files_give_one_line(
    content: dict[str, NDArray[Any]], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_file(write(tmp_path / "mine.npz", content), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["text", "empty", "cut"])
def test_files_that_are_no_archive_are_refused(damage: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", arrays())
    whole = path.read_bytes()
    path.write_bytes({"text": b"hello", "empty": b"", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(InputError, match="cannot be read as a MedMNIST file"):
        open_file(path)


def test_a_changed_byte_of_a_header_is_one_line_or_no_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", arrays(), compressed=False)
    whole = path.read_bytes()
    start = whole.find(b"test_labels.npy") + len("test_labels.npy")
    for at in range(start, start + 80):
        path.write_bytes(whole[:at] + b"(" + whole[at + 1 :])
        try:
            open_file(path)
        except InputError as error:
            lines = str(error).splitlines()
            assert ["mine.npz" in line for line in lines] == [True], (at, lines)
