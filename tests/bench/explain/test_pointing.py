"""The pointing game and overlap on maps and boxes made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.boxes import Box, box_mask, read_nih_boxes
from bench.errors import InputError
from bench.explain.pointing import (
    SIDE,
    centre_map,
    even_map,
    frame_map,
    ideal_maps,
    measure_agreement,
)
from tests.shared_data import shared


def region(*boxes: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    return box_mask(tuple(Box(*box) for box in boxes), SIDE)[None]


def measured(
    heat: NDArray[np.float32], *boxes: tuple[float, float, float, float]
) -> tuple[float, float, float]:
    found = measure_agreement(heat[None], region(*boxes))
    return float(found.hit[0]), float(found.energy[0]), float(found.iou[0])


LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def one_pixel(row: int, column: int) -> NDArray[np.float32]:
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[row, column] = 1.0
    return heat


def test_a_maximum_in_the_box_is_a_hit_and_outside_a_miss() -> None:
    box = (0.25, 0.25, 0.5, 0.5)  # pixels 64 to 127
    for pixel in ((64, 64), (127, 127)):
        assert measured(one_pixel(*pixel), box) == (1.0, 1.0, 1 / 64**2)
    for pixel in ((63, 64), (64, 63), (128, 127), (127, 128)):
        assert measured(one_pixel(*pixel), box) == (0.0, 0.0, 0.0)


def test_a_box_at_the_border_reaches_the_last_pixel() -> None:
    assert measured(one_pixel(255, 255), (0.9, 0.9, 1.0, 1.0))[0] == 1.0
    assert measured(one_pixel(0, 0), (0.0, 0.0, 0.01, 0.01))[0] == 1.0
    # One that reaches beyond the image, as some of NIH's could, is cut.
    assert region((0.9, 0.9, 1.2, 1.3)).sum() == 26**2


def test_of_equal_maxima_the_share_in_the_box_counts() -> None:
    heat = one_pixel(10, 10) + one_pixel(10, 200) + one_pixel(100, 200) + one_pixel(200, 200)
    assert measured(heat, LEFT) == (0.25, 0.25, 1 / (SIDE * SIDE // 2 + 3))
    assert measured(even_map(), (0.25, 0.25, 0.5, 0.5)) == (1 / 16, 1 / 16, 1 / 16)


def test_two_boxes_of_one_finding_are_one_region() -> None:
    assert measured(one_pixel(10, 10), LEFT, RIGHT) == (1.0, 1.0, 1 / SIDE**2)


def test_a_map_without_a_positive_value() -> None:
    """Its maximum is still somewhere; its energy and IoU are those of an even map."""
    heat = one_pixel(10, 10) - 2.0
    assert measured(heat, (0.0, 0.0, 0.25, 0.25)) == (1.0, 1 / 16, 1 / 16)


def test_negative_values_take_no_energy() -> None:
    heat = one_pixel(10, 10) * 3 + one_pixel(10, 200) - 5 * one_pixel(200, 200)
    assert measured(heat, LEFT)[:2] == (1.0, 0.75)


def test_the_iou_is_that_of_the_map_from_a_fifth_of_its_maximum() -> None:
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[:, :64], heat[:, 64:128], heat[:, 128:] = 10.0, 2.5, 1.5
    assert measured(heat, LEFT)[2] == 1.0
    assert measured(heat, RIGHT)[2] == 0.0


def test_a_coarse_map_is_enlarged_between_the_centres_of_its_cells() -> None:
    """The maximum of 4 × 4 cells of 64 px lies where its cell's middle is."""
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1.0  # middle at pixel 95.5 down, 159.5 across
    around = (156 / SIDE, 92 / SIDE, 164 / SIDE, 100 / SIDE)
    assert measured(heat, around)[0] == 1.0
    assert measured(heat, (0.0, 0.0, 0.5, 1.0))[0] == 0.0


def test_the_controls() -> None:
    small = (0.45, 0.45, 0.55, 0.55)
    assert measured(centre_map(), small)[:2] == (1.0, 1.0)
    assert measured(frame_map(), small)[:2] == (0.0, 0.0)
    assert measured(frame_map(), LEFT)[:2] == (0.5, 0.5)
    ideal = ideal_maps(region(LEFT), 4)
    assert ideal[0].tolist() == [[1.0, 1.0, 0.0, 0.0]] * 4
    assert measured(ideal[0], LEFT)[0] == 1.0


def test_the_first_of_nihs_boxes() -> None:
    """Its line: 00013118_008.png,Atelectasis,225.08…,547.02…,86.78…,79.19… of 1024 px."""
    boxes = read_nih_boxes(shared("nih-mini") / "BBox_List_2017.csv")
    assert sum(len(found) for image in boxes.values() for found in image.values()) == 984
    assert len(boxes) == 880
    (box,) = boxes["00013118_008.png"]["Atelectasis"]
    assert box == pytest.approx((0.21981, 0.53420, 0.30455, 0.61153), abs=1e-5)
    names = {finding for image in boxes.values() for finding in image}
    assert "Infiltration" in names
    assert "Infiltrate" not in names


def test_a_box_is_at_the_same_place_of_a_squashed_image() -> None:
    """A radiograph of 40 × 80 px is squashed to 20 × 20 as its box is."""
    from bench.data.decode import resize

    gray = np.zeros((40, 80), np.uint8)
    gray[10:20, 40:60] = 255
    box = Box(40 / 80, 10 / 40, 60 / 80, 20 / 40)
    assert ((resize(gray, 20) == 255) == box_mask((box,), 20)).all()


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is not there"):
        read_nih_boxes(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("image,finding\na.png,Mass\n")
    with pytest.raises(InputError, match="six columns are wanted as in NIH's"):
        read_nih_boxes(tmp_path / "other.csv")


@pytest.mark.parametrize(
    "box", ["nan,0,10,10", "0,inf,10,10", "0,0,0,10", "0,0,10,-1", "1000,0,100,10", "-50,0,100,10"]
)
def test_a_box_that_is_none_is_refused_with_its_line(box: str, tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(f"image,finding,x,y,w,h\na.png,Mass,0,0,1024,1024\nb.png,Mass,{box}\n")
    with pytest.raises(InputError, match="line 3 is no box within 1024 x 1024 px"):
        read_nih_boxes(path)
