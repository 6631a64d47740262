"""Small images for a page, from pixels that were decoded for a run; the data source is not read.

A run's data has a fingerprint, over labels and original pixels. Whoever prepares data notes beside
the pixel stores which of them is that of the fingerprint. Nothing else ties a store to a run:
synthetic images of other options, say, have the same ids and other pixels.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.decode import resize
from bench.data.description import DataRecord
from bench.data.pixel_store import DAMAGED, INDEX, PIXELS
from bench.files import write_text

# Beside the stores, whose names are hexadecimal.
NOTES = "fingerprints"
# Side of a thumbnail in pixels; smaller images stay as they are.
SIDE = 128


@dataclass(frozen=True, kw_only=True)
class Thumbnails:
    """Images as PNG files."""

    # By image id, gray, at most ``SIDE`` pixels a side.
    pngs: dict[str, bytes] = field(default_factory=dict)
    reason: str = ""  # why there are none; "" where all are there


def note_store(fingerprint: str, store: Path, *, cache: Path) -> None:
    """Note which pixel store holds the images of a fingerprint."""
    # A cache that cannot be written is no reason to fail: pages go without thumbnails.
    with suppress(OSError):
        (cache / NOTES).mkdir(parents=True, exist_ok=True)
        write_text(cache / NOTES / fingerprint, store.name)


def thumbnails(data: DataRecord, images: Collection[str], *, cache: Path) -> Thumbnails:
    """Small versions of some images, as the networks saw them."""
    size = data.image_size
    if size is None:
        return Thumbnails(reason="imported predictions come without pixels")
    try:
        name = (cache / NOTES / data.fingerprint).read_text(encoding="utf-8")
        index = json.loads((cache / name / INDEX).read_text(encoding="utf-8"))
        pixels = np.load(cache / name / PIXELS, mmap_mode="r")
        rows = {image: row for row, image in enumerate(index["images"])}
        if pixels.dtype != np.uint8 or pixels.shape != (len(rows), size, size):
            raise ValueError("not the pixels of this index")
        pngs = {image: _png(np.asarray(pixels[rows[image]])) for image in images}
    except DAMAGED:
        return Thumbnails(
            reason="the decoded pixels of this data are not in this machine's cache; `bench run` "
            "with the same data puts them there and repeats no finished run"
        )
    return Thumbnails(pngs=pngs)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    shown = pixels if len(pixels) <= SIDE else resize(pixels, SIDE)
    file = io.BytesIO()
    Image.fromarray(shown).save(file, format="PNG", optimize=True)
    return file.getvalue()
