"""The synthetic cohort written as files in NIH's layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.data.check import check_data
from bench.data.phantom import write_nih_layout
from bench.data.phantom.export import HEADER
from bench.data.pixel_store import open_pixels
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared

IMAGES, SEED, SIZE = 60, 3, 40


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "new" / "folder"
    write_nih_layout(folder, images=IMAGES, seed=SEED, image_size=SIZE)
    return folder


def test_read_back_it_is_the_same_study_with_the_same_pixels(written: Path, tmp_path: Path) -> None:
    read_back = DATASETS.get("nih").open(root=written, image_size=SIZE, options={})
    drawn = DATASETS.get("phantom").open(
        root=None, image_size=SIZE, options={"images": IMAGES, "seed": SEED}
    )
    pd.testing.assert_frame_equal(read_back.rows, drawn.rows)
    assert read_back.finding_names == drawn.finding_names
    assert read_back.notes == (f"{IMAGES} of the {IMAGES} images of the label file are here",)
    stores = [open_pixels(study, image_size=SIZE, cache=tmp_path) for study in (read_back, drawn)]
    assert stores[0].folder != stores[1].folder
    assert stores[0].digests == stores[1].digests
    np.testing.assert_array_equal(stores[0].pixels, stores[1].pixels)
    assert check_data(read_back, stores[0]).dropped == 0


def test_the_files_are_gray_and_the_table_has_their_size(written: Path) -> None:
    for file in (written / "images_001" / "images").iterdir():
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("L", (SIZE, SIZE))
    with (written / "Data_Entry_2017_v2020.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert ",".join(header) == ",".join(HEADER)
    assert {tuple(line[7:9]) for line in lines} == {(str(SIZE), str(SIZE))}


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
