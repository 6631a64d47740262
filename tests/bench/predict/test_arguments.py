"""Runs told from images, and mistakes in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from bench.errors import InputError
from bench.predict.arguments import sort_arguments
from bench.predict.images import list_images
from bench.predict.row import check_one_row
from bench.runs.find import find_runs
from tests.bench.evaluate.stored_runs import StoredRuns


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Folder of the runs of two seeds, of another loss, and of a control."""
    stored = StoredRuns(tmp_path / "runs", findings=[(), ("Mass",)] * 4, validation=4)
    right = stored.task.targets(stored.rows).astype(float)
    for loss, seed in (("ce", 0), ("ce", 1), ("sin", 0)):
        stored.add("net", right, loss=loss, seed=seed)
    stored.add("prior", right, kind="control")
    return tmp_path / "runs"


def image(path: Path) -> Path:
    """A small gray file."""
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("L", (9, 7), 80).save(path, format="PNG")
    return path


def test_runs_and_images_are_told_apart_in_any_order(runs: Path, tmp_path: Path) -> None:
    (first, second) = sorted(path.name for path in runs.glob("net-ce-*"))
    one, folder = image(tmp_path / "one.png"), image(tmp_path / "more" / "two.png").parent
    found = sort_arguments([str(one), "net-ce-*", str(folder), str(runs / first)], runs=runs)
    assert [run.folder.name for run in found.runs] == [first, second]
    assert found.images == (one, folder)


def refusal(arguments: list[object], runs: Path) -> str:
    with pytest.raises(InputError) as error:
        sort_arguments([str(argument) for argument in arguments], runs=runs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_arguments_that_are_neither_are_refused_with_a_way_out(runs: Path, tmp_path: Path) -> None:
    name = next(path.name for path in sorted(runs.glob("net-ce-*")))
    one = image(tmp_path / "one.png")
    assert f"did you mean {name}" in refusal([name.replace("-ce", "-cee"), one], runs)
    assert refusal([name, tmp_path / "gone.png"], runs).startswith("no file ")
    assert refusal([name], runs).startswith("no images: give files, folders, or a table")
    assert refusal([one], runs).startswith("no run among the arguments")
    assert "is a folder of 4 runs: name those of one row" in refusal([runs, one], runs)
    config = tmp_path / "mine.yaml"
    config.write_text("name: mine\n")
    assert "is a config: give the folder or table" in refusal([name, config], runs)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["net-*"], "predict one row at a time: net-ce-s0-.* and net-sin-s0-.* differ in loss$"),
        (["prior-*"], "run prior-.* is of kind control: only a network, .* name a run of one"),
    ],
)
def test_runs_of_several_rows_and_of_no_network_are_refused(
    runs: Path, names: list[str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_one_row(find_runs(names, out=runs))


def test_folders_are_searched_and_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    root = tmp_path / "case"
    kept = [image(root / "b.png"), image(root / "sub" / "a.PNG"), image(root / "z.png")]
    image(root / ".hidden.png")
    image(root / "masks" / "m.png")
    (root / "notes.txt").write_text("text")
    (root / "link.png").symlink_to(root / "nothing")
    (root / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    found = list_images([root, kept[0], root / "notes.png.bin"])
    names = ["IM0001", "b.png", "sub/a.PNG", "z.png", "notes.png.bin"]
    assert [Path(each.name) for each in found.images] == [root / name for name in names]
    assert {Path(each.name).name: each.reason for each in found.skipped} == {
        "notes.txt": "no image by suffix",
        ".hidden.png": "hidden, or left by a system",
        "masks": "a folder of masks",
        "link.png": "no file, or a link to none",
    }


def test_a_folder_without_images_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"no image in '.*' \(skipped 1, no image by suffix: .*a"):
        list_images([tmp_path])


def test_a_table_names_images_by_its_own_paths(tmp_path: Path) -> None:
    image(tmp_path / "in" / "a.png")
    (tmp_path / "list.csv").write_text("file;label\nin/a.png;x\nin/gone.png;y\n;z\n")
    found = list_images([tmp_path / "list.csv"])
    assert [(each.name, each.path.is_file()) for each in found.images] == [
        ("in/a.png", True),
        ("in/gone.png", False),
    ]
    assert "list.csv: rows without a path: 1" in found.notes
    (tmp_path / "bad.csv").write_text("paht,label\na.png,x\n")
    with pytest.raises(InputError, match=r"none of the columns path, .*did you mean paht"):
        list_images([tmp_path / "bad.csv"])


def test_files_that_are_named_twice_are_counted(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    found = list_images([tmp_path, tmp_path / "a.png"])
    assert [image.path.name for image in found.images] == ["a.png"]
    assert found.notes == ("named more than once, and predicted once: 2 files",)


def test_a_name_of_bytes_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    image(path)
    (found,) = list_images([tmp_path]).images
    assert found.name == f"{tmp_path}/caf\\udce9.png"
    assert found.path.is_file()
