"""Images as large as ChestX-ray14's, where only small ones are at hand.

``python -m tools.peers.enlarge MANIFEST FOLDER``: writes images of a manifest anew, as gray PNG
files of 1024 px with a detector's noise (about 0.4 MB each, as the real ones), and a manifest of
them. Decoding such a file costs what decoding a radiograph does; what is in it is no sharper than
before.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from tools.peers.image_folder import MANIFEST, Image, read_manifest

SIDE, IMAGES = 1024, 1200
NOISE = 1.5  # standard deviation in gray levels, of 256


def main() -> None:
    """Write the images and their manifest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("manifest", type=Path, help="a CSV file with path, label and patient")
    parser.add_argument("folder", type=Path, help=f"where images/ and {MANIFEST} go")
    parser.add_argument("--images", type=int, default=IMAGES, help="of every class, at most")
    parser.add_argument("--side", type=int, default=SIDE, help="in pixels")
    asked = parser.parse_args()
    try:
        chosen = first_of_each_class(read_manifest(asked.manifest), asked.images)
        enlarge_all(chosen, asked.folder, side=asked.side)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def first_of_each_class(images: list[Image], count: int) -> list[Image]:
    """So many of each class, the first by their paths."""
    by_class: dict[str, list[Image]] = defaultdict(list)
    for image in sorted(images):
        by_class[image.label].append(image)
    return [image for each in by_class.values() for image in each[:count]]


def enlarge_all(images: list[Image], folder: Path, *, side: int) -> None:
    """Write images and manifest, with as many processes as there are cores.

    Args:
        images: their files' names, less the ending, must be different.
        folder: made if it is not there.
        side: of the new images in pixels.

    Raises:
        ValueError: two have the same name.
    """
    if len({image.path.stem for image in images}) < len(images):
        raise ValueError("two images have the same name: they would overwrite each other")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool() as pool:
        written = pool.map(partial(enlarge, folder=folder, side=side), images, chunksize=8)
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as lines:
        rows = [(to, image.label, image.patient) for to, image in zip(written, images, strict=True)]
        csv.writer(lines).writerows([("path", "label", "patient"), *rows])


def enlarge(image: Image, *, folder: Path, side: int) -> str:
    """Write an image anew; returns its path from the folder."""
    to = f"images/{image.path.stem}.png"
    with Pillow.open(image.path) as opened:
        shades = opened.convert("L").resize((side, side), Pillow.Resampling.BICUBIC)
    noise = np.random.default_rng(list(image.path.stem.encode())).normal(0, NOISE, (side, side))
    noisy = np.clip(np.asarray(shades) + noise, 0, 255).astype(np.uint8)
    Pillow.fromarray(noisy).save(folder / to)
    return to


if __name__ == "__main__":
    main()
