"""Near-duplicates across the parts of a split, by a perceptual hash.

The hash is the difference hash of 17 x 16 gray values: 256 bits, each of which says whether a value
is above its left neighbour. The usual 64 bits are too few for chest radiographs, which all look
alike: of 5,216 of children (``kermany``, 64 px), 64 bits find 5,136 pairs at distance 1, with a
median correlation of their pixels of 0.87; 256 bits find 28 pairs up to a distance of 12, all with
a correlation of 1.00, and the first false ones by 16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
DISTANCE = 12
"""Largest number of differing bits, of 256, of a near-duplicate."""
SMALLEST = 32
"""Side in pixels of the smallest images that are hashed."""


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Near-duplicates of a later part's images in an earlier part."""

    earlier: str
    later: str
    images: int  # of the later part that have a near-duplicate in the earlier one
    identical: int  # those of them with the same original pixels
    # Those whose near-duplicates are all of another patient, or of an unknown one.
    other_patient: int
    # The image of the later part, the nearest one of the earlier part, their distance.
    pairs: tuple[tuple[str, str, int], ...]


def difference_hash(square: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The hash of a gray square, uint64 (4,): rows from the top, bits from the left."""
    size = (SIDE + 1, SIDE)
    values = np.asarray(Image.fromarray(square).resize(size, Image.Resampling.BOX))
    bits = values[:, 1:] > values[:, :-1]
    return np.packbits(bits).view(np.uint64)


def near_duplicates(
    rows: pd.DataFrame,
    pixels: NDArray[np.uint8],
    parts: Mapping[str, NDArray[np.int64]],
    *,
    progress: Callable[[int, int], None],
) -> list[NearDuplicates]:
    """Near-duplicates of each pair of parts of a study table with ``pixel_row`` and ``digest``."""
    places = rows["pixel_row"].to_numpy(np.int64)
    hashes = np.empty((len(rows), SIDE * SIDE // 64), np.uint64)
    for number, place in enumerate(places):
        hashes[number] = difference_hash(np.asarray(pixels[place]))
        if number % 1024 == 0 or number + 1 == len(places):
            progress(number + 1, len(places))
    return [
        _between(rows, hashes, (earlier, parts[earlier]), (later, parts[later]))
        for earlier, later in combinations(parts, 2)
    ]


def _between(
    rows: pd.DataFrame,
    hashes: NDArray[np.uint64],
    earlier: tuple[str, NDArray[np.int64]],
    later: tuple[str, NDArray[np.int64]],
) -> NearDuplicates:
    images, patients = rows["image"].to_numpy(object), rows["patient"].to_numpy(object)
    digests = rows["digest"].to_numpy(object)
    there = earlier[1]
    pairs, identical, other = [], 0, 0
    for row in later[1]:
        distances = np.bitwise_count(hashes[there] ^ hashes[row]).sum(axis=1, dtype=np.int64)
        near = there[distances <= DISTANCE]
        if not len(near):
            continue
        nearest = int(distances.argmin())
        pairs.append((str(images[row]), str(images[there[nearest]]), int(distances[nearest])))
        identical += bool((digests[near] == digests[row]).any())
        other += patients[row] == "" or not (patients[near] == patients[row]).any()
    return NearDuplicates(
        earlier=earlier[0],
        later=later[0],
        images=len(pairs),
        identical=identical,
        other_patient=other,
        pairs=tuple(pairs),
    )
