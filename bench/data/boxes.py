"""Boxes around findings, and NIH's list of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError

NIH_SIDE = 1024
"""Side in pixels of the images in whose coordinates NIH's boxes are."""
NIH_NAMES = {"Infiltrate": "Infiltration"}
"""Findings that NIH's list of boxes calls otherwise than its labels."""


class Box(NamedTuple):
    """A box by its edges, from 0 to 1 of an image's width and height: it holds at every size."""

    left: float
    top: float
    right: float
    bottom: float


Boxes = dict[str, tuple[Box, ...]]
"""Boxes of an image by finding."""


def box_mask(boxes: tuple[Box, ...], side: int) -> NDArray[np.bool_]:
    """Pixels of a square image that any of some boxes touches, (side, side)."""
    mask = np.zeros((side, side), np.bool_)
    for box in boxes:
        # A whole number times its share can come out a little above itself.
        left, top = (int(np.floor(edge * side + 1e-9)) for edge in (box.left, box.top))
        right, bottom = (int(np.ceil(edge * side - 1e-9)) for edge in (box.right, box.bottom))
        mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


def read_nih_boxes(path: Path) -> dict[str, Boxes]:
    """The boxes of ``BBox_List_2017.csv`` (984 of them, in 880 images), by image.

    Its first six columns are image, finding, and a box's left edge, top edge, width and height in
    pixels of the images of 1024 × 1024 px that NIH publishes.
    """
    try:
        rows = pd.read_csv(path, header=0, usecols=range(6), dtype=str, keep_default_na=False)
        numbers = rows.iloc[:, 2:].astype(np.float64).to_numpy() / NIH_SIDE
        corners = numbers.copy()
        corners[:, 2:] += numbers[:, :2]
        # Their own list has boxes that end a little outside.
        inside = (corners >= -0.01) & (corners <= 1.01)
        wrong = ~(inside.all(axis=1) & (numbers[:, 2:] > 0.0).all(axis=1))
        if wrong.any():
            line = int(wrong.argmax()) + 2
            raise ValueError(f"line {line} is no box within {NIH_SIDE} x {NIH_SIDE} px")
    except FileNotFoundError:
        raise InputError(f"boxes {str(path)!r}: the file is not there") from None
    except (ValueError, OSError) as error:
        raise InputError(
            f"boxes {str(path)!r}: six columns are wanted as in NIH's BBox_List_2017.csv (image, "
            f"finding, left, top, width, height): {' '.join(str(error).split())}"
        ) from None
    found: dict[str, Boxes] = {}
    for image, name, box in zip(rows.iloc[:, 0], rows.iloc[:, 1], numbers, strict=True):
        left, top, width, height = map(float, box)
        of_image = found.setdefault(image, {})
        finding = NIH_NAMES.get(name, name)
        edges = Box(left, top, left + width, top + height)
        of_image[finding] = (*of_image.get(finding, ()), edges)
    return found
