"""The contact sheet shows what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.data.contact_sheet import choose, draw_sheet
from bench.data.study import study_rows
from bench.errors import InputError


def rows(normal: int, abnormal: int) -> pd.DataFrame:
    findings: list[tuple[str, ...]] = [()] * normal
    findings += [(("Mass", "Edema", "Hernia")[i % 3],) for i in range(abnormal)]
    made = study_rows(
        {"image": [f"{i:03}.png" for i in range(len(findings))], "findings": findings}
    )
    return made.assign(pixel_row=np.arange(len(made)))


@pytest.mark.parametrize(
    ("normal", "abnormal", "images", "shown"),
    [(20, 20, 10, (5, 5)), (2, 20, 10, (2, 8)), (20, 1, 10, (9, 1)), (3, 2, 10, (3, 2))],
)
def test_half_are_normal_where_there_are_enough(
    normal: int, abnormal: int, images: int, shown: tuple[int, int]
) -> None:
    table = rows(normal, abnormal)
    chosen = choose(table, images=images, seed=0)
    found = [len(f) for f in table["findings"].iloc[chosen]]
    assert (found.count(0), found.count(1)) == shown
    assert found == sorted(found)
    assert len(set(chosen)) == len(chosen)
    captions = [f for f in table["findings"].iloc[chosen] if f]
    assert captions == sorted(captions)


def test_the_picture_has_the_pixels_of_the_chosen_images(tmp_path: Path) -> None:
    table = rows(1, 0)
    pixels = np.full((1, 16, 16), 200, dtype=np.uint8)
    path = tmp_path / "sheet.png"
    assert draw_sheet(table, pixels, path, images=4) == 1
    picture = np.asarray(Image.open(path).convert("L"))
    # The one image is a square of gray 200 on white.
    gray = np.argwhere(picture == 200)
    height, width = gray.max(axis=0) - gray.min(axis=0) + 1
    assert abs(height - width) <= 1
    assert (picture == 200).sum() >= 0.99 * height * width


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sheet.txt", r"'sheet\.txt': let its name end in \.png"),
        ("no/sheet.png", r"contact sheet .*No such file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        draw_sheet(rows(2, 2), np.zeros((4, 8, 8), np.uint8), tmp_path / name, images=2)
