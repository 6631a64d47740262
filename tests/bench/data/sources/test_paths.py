"""Paths of label files that are not quite those of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.sources.paths import find_images
from bench.registry import DATASETS
from tests.shared_data import shared

GONE = "listed, but the file is not there"


def folder(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("files", "paths", "how"),
    [
        pytest.param(["a.png", "s/b.png"], ["./a.png", "s\\b.png"], None, id="as they are"),
        pytest.param(
            ["i/a.png", "i/b.jpg"],
            ["i/a", "i/b"],
            "2 paths were found with a suffix added (.jpg, .png)",
            id="no suffix",
        ),
        pytest.param(
            ["i/v.1.png", "i/v.2.png"],
            ["i/v.1", "i/v.2"],
            "2 paths were found with a suffix added (.png)",
            id="no suffix, but dots",
        ),
        pytest.param(
            ["i/a.jpg", "i/Bb.jpg"],
            ["i/A.JPG", "I/bB.jpg"],
            "2 paths were found in other case",
            id="other case",
        ),
        pytest.param(
            ["train/p1/a.jpg", "train/p2/a.jpg"],
            ["top/train/p1/a.jpg", "top/train/p2/a.jpg"],
            "2 paths were found without 'top/' in front",
            id="the folder's own name",
        ),
        pytest.param(
            ["i/a.jpg", "i/b.jpg"],
            ["C:\\me\\set\\i\\a.jpg", "C:\\me\\set\\i\\b.jpg"],
            "2 paths were found without 'C:/me/set/' in front",
            id="another machine",
        ),
        pytest.param(
            ["x/a.jpg", "x/b.jpg"],
            ["/me/set/a.jpg", "/me/set/b.jpg"],
            "2 paths were found without '/me/set/' in front, in subfolders (x)",
            id="another machine, and subfolders",
        ),
        pytest.param(
            ["i1/a.jpg", "i2/b.jpg"],
            ["a.jpg", "b.jpg"],
            "2 paths were found in subfolders (i1, i2)",
            id="bare names",
        ),
        pytest.param(
            ["i/A.JPG", "i/b.jpg"],
            ["a", "B"],
            "2 paths were found in subfolders (i), with a suffix added (.JPG, .jpg), in other case",
            id="all at once",
        ),
        pytest.param(
            ["i/a\u0308.png"], ["i/ä.png"], "1 path was found in other case", id="decomposed"
        ),
    ],
)
def test_what_is_found(files: list[str], paths: list[str], how: str | None, tmp_path: Path) -> None:
    folder(tmp_path, *files, "notes.txt", "masks/a.jpg")
    found = find_images([*paths, paths[0]], tmp_path)
    assert found.images == [*files, files[0]]
    assert found.missing == {}
    assert found.notes == (() if how is None else (how,))


def test_what_is_not_there_stays_missing_beside_what_is_found(tmp_path: Path) -> None:
    folder(tmp_path, "here.png", "i/a.png", "i/b.png", "i/text.txt")
    found = find_images(["here.png", "a", "b", "c", "text"], tmp_path)
    assert found.images == ["here.png", "i/a.png", "i/b.png", "c", "text"]
    assert found.missing == {"c": GONE, "text": GONE}


@pytest.mark.parametrize(
    ("files", "paths", "hints"),
    [
        pytest.param(
            ["i/a.png", "j/a.png", "i/b.png"],
            ["a.png", "b.png"],
            ["i/a.png or j/a.png", "i/b.png"],
            id="two files",
        ),
        pytest.param(
            ["i/a.png", "i/b.png"], ["a", "b", "i/b.png"], ["i/a.png", "i/b.png"], id="listed too"
        ),
        pytest.param(["i/a.png"], ["i/A.png", "i/a.PNG"], ["i/a.png", "i/a.png"], id="two paths"),
    ],
)
def test_what_is_ambiguous_is_named_and_not_taken(
    files: list[str], paths: list[str], hints: list[str], tmp_path: Path
) -> None:
    found = find_images(paths, folder(tmp_path, *files))
    assert found.images == paths
    assert list(found.missing.values()) == [f"{GONE}; probably meant: {hint}" for hint in hints]
    assert found.notes == ()


def test_files_in_another_folder_than_the_listed_one_are_others(tmp_path: Path) -> None:
    found = find_images(["i/a.png"], folder(tmp_path, "thumbnails/a.png"))
    assert found.missing == {"i/a.png": GONE}


def test_a_whole_disk_is_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, "i/a.png", "i/b.png", "j/c.png")
    monkeypatch.setattr("bench.data.sources.paths.MOST_FILES", 1)
    assert find_images(["a.png"], tmp_path).missing == {"a.png": GONE}


def test_links_files_elsewhere_and_names_that_no_file_can_have(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", "a.png")
    folder(tmp_path / "else", "b.png", "sub/c.png")
    (root / "link").symlink_to(tmp_path / "else")
    (root / "loop").symlink_to(root)
    paths = [str(tmp_path / "else/b.png"), "link/b.png", "../else/b.png", "sub/c.png"]
    found = find_images([*paths, "x" * 5000, "a\0"], root)
    assert found.images[:4] == [paths[0], "link/b.png", "../else/b.png", "link/sub/c.png"]
    assert set(found.missing) == {"x" * 5000, "a\0"}


def test_real_images_under_other_paths(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    lines = (shared("kermany") / "manifest.csv").read_text().splitlines()[1:41]
    for line in lines:
        path = line.split(",")[0]
        (tmp_path / path).symlink_to(shared("kermany") / path)
    rows = [f"{Path(line.split(',')[0]).stem.lower()},{line.split(',')[1]}" for line in lines]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label", *rows]))
    study = DATASETS.get("manifest").open(root=tmp_path, image_size=4, options={})
    assert study.rows["image"].tolist() == sorted(line.split(",")[0] for line in lines)
    note = "40 paths were found in subfolders (images), with a suffix added (.jpeg), in other case"
    assert note in study.notes
    assert study.reader.read(study.rows["image"][0]).shape == (128, 128)
