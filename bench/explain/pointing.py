"""Agreement of maps with known lesions: the pointing game, and overlap.

- **hit**, the pointing game (Zhang et al., "Top-down Neural Attention by Excitation Backprop",
  ECCV 2016): whether the map's maximum lies in a box of the finding. No margin is allowed around
  the box. Of several equal maxima it is the share that lies in it, as if one were drawn.
- **energy** (Wang et al., "Score-CAM", CVPR workshops 2020): share of the map's positive part that
  lies in it.
- **IoU**: intersection over union of the boxes and of the map where it is at least ``SHARE`` of its
  maximum, as Zhou et al. (CVPR 2016) cut theirs.

A map without a positive value says of no place that it speaks for the finding. Its energy and IoU
are those of a map that is the same everywhere: the share of the image that the boxes take.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional

SIDE = 256
"""Side in pixels of the squares on which maps, enlarged bilinearly, and boxes are compared."""
SHARE = 0.2


FIGURES = ("hit", "energy", "iou")


def measure_agreement(maps: NDArray[np.float32], regions: NDArray[np.bool_]) -> pd.DataFrame:
    """Agreement of maps (n, rows, columns), each of a whole image, with the boxes of their images.

    A line a map; ``FIGURES`` are its columns, each from 0 to 1. The regions are the pixels in a
    box, (n, ``SIDE``, ``SIDE``); one at least of each image.
    """
    enlarged = functional.interpolate(
        torch.from_numpy(maps)[:, None].double(),
        size=(SIDE, SIDE),
        mode="bilinear",
        align_corners=False,
    )
    values = enlarged.numpy().reshape(len(maps), -1)
    inside = regions.reshape(len(maps), -1)
    largest = values == values.max(axis=1, keepdims=True)
    positive = np.maximum(values, 0.0)
    total = positive.sum(axis=1)
    marked = positive >= SHARE * positive.max(axis=1, keepdims=True)
    energy = np.where(
        total > 0.0,
        (positive * inside).sum(axis=1) / np.where(total > 0.0, total, 1.0),
        inside.mean(axis=1),
    )
    return pd.DataFrame(
        {
            "hit": (largest & inside).sum(axis=1) / largest.sum(axis=1),
            "energy": energy,
            "iou": (marked & inside).sum(axis=1) / (marked | inside).sum(axis=1),
        }
    )


def centre_map() -> NDArray[np.float32]:
    """A map whose maximum is the middle of the image, (``SIDE``, ``SIDE``)."""
    made = np.zeros((SIDE, SIDE), np.float32)
    made[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1] = 1.0
    return made


def frame_map() -> NDArray[np.float32]:
    """A map of the image's border alone, a sixteenth of the side wide, (``SIDE``, ``SIDE``)."""
    made = np.ones((SIDE, SIDE), np.float32)
    width = SIDE // 16
    made[width:-width, width:-width] = 0.0
    return made


def even_map() -> NDArray[np.float32]:
    """A map that is the same everywhere: chance, (1, 1)."""
    return np.ones((1, 1), np.float32)


def ideal_maps(regions: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """The share of each cell of a grid of some side that is in a box, (n, side, side)."""
    shares = functional.interpolate(
        torch.from_numpy(regions)[:, None].float(), size=(side, side), mode="area"
    )
    return np.asarray(shares[:, 0].numpy())
