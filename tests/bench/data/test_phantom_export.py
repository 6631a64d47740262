"""The synthetic cohort written as files in NIH's layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.phantom import write_nih_layout
from bench.data.phantom.export import HEADER
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared

IMAGES, SEED, SIZE = 60, 3, 40


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "new" / "folder"
    write_nih_layout(folder, images=IMAGES, seed=SEED, image_size=SIZE)
    return folder


def test_pngs_hold_exactly_the_readers_pixels(written: Path) -> None:
    table = DATASETS.get("phantom").open(
        root=None, image_size=SIZE, options={"images": IMAGES, "seed": SEED}
    )
    files = sorted((written / "images_001" / "images").iterdir())
    assert [file.name for file in files] == list(table.rows["image"])
    for file in files:
        with Image.open(file) as image:
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), table.reader.read(file.name))


def test_labels_and_lists_agree_with_the_study_table(written: Path) -> None:
    table = DATASETS.get("phantom").open(
        root=None, image_size=SIZE, options={"images": IMAGES, "seed": SEED}
    )
    with (written / "Data_Entry_2017_v2020.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert ",".join(header) == ",".join(HEADER)
    assert len(lines) == IMAGES
    lists = {
        "train_validation": (written / "train_val_list.txt").read_text().split("\n"),
        "test": (written / "test_list.txt").read_text().split("\n"),
    }
    rows = table.rows.to_dict("records")
    for line, row in zip(lines, rows, strict=True):
        image = row["image"]
        found = () if line[1] == "No Finding" else tuple(line[1].split("|"))
        assert (line[0], found) == (image, row["findings"])
        assert line[3] == row["patient"]
        assert (int(line[2]), int(line[4])) == (row["follow_up"], row["age"])
        assert line[5:9] == [row["sex"], row["view"], str(SIZE), str(SIZE)]
        assert image in lists[row["given_split"]]
    assert sum(map(len, lists.values())) == IMAGES


def test_the_label_file_begins_as_nihs_own(written: Path) -> None:
    theirs = (shared("nih-mini") / "Data_Entry_2017_v2020.csv").open()
    ours = (written / "Data_Entry_2017_v2020.csv").open()
    with theirs, ours:
        assert ours.readline() == theirs.readline()
        assert ours.readline().count(",") == theirs.readline().count(",")


def test_progress_counts_every_image(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_nih_layout(
        tmp_path, images=3, seed=0, image_size=28, progress=lambda *at: seen.append(at)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(InputError, match="is not empty: name a new or an empty folder"):
        write_nih_layout(tmp_path, images=1, seed=0, image_size=28)
    assert list(tmp_path.iterdir()) == [kept]
    with pytest.raises(InputError, match="is a file: name a folder"):
        write_nih_layout(kept, images=1, seed=0, image_size=28)
