"""The phantom written in NIH's layout and read back by the source ``nih`` is the same study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.check import check_data
from bench.data.phantom.export import write_nih_layout
from bench.data.pixel_store import open_pixels
from bench.registry import DATASETS

IMAGES, SEED, SIZE = 120, 7, 40


def test_same_table_same_pixels_and_nothing_to_report(tmp_path: Path) -> None:
    folder = tmp_path / "phantom"
    write_nih_layout(folder, images=IMAGES, seed=SEED, image_size=SIZE)
    read_back = DATASETS.get("nih").open(root=folder, image_size=SIZE, options={})
    drawn = DATASETS.get("phantom").open(
        root=None, image_size=SIZE, options={"images": IMAGES, "seed": SEED}
    )
    pd.testing.assert_frame_equal(read_back.rows, drawn.rows)
    assert read_back.finding_names == drawn.finding_names
    assert read_back.notes == (f"{IMAGES} of the {IMAGES} images of the label file are here",)

    stores = [
        open_pixels(study, image_size=SIZE, cache=tmp_path / "cache")
        for study in (read_back, drawn)
    ]
    assert stores[0].folder != stores[1].folder
    assert stores[0].digests == stores[1].digests
    np.testing.assert_array_equal(stores[0].pixels, stores[1].pixels)
    assert check_data(read_back, stores[0]).dropped == 0
