"""Small data sets of files, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_manifest(
    folder: Path,
    *,
    labels: tuple[str, ...] = ("normal", "Effusion"),
    images: int = 60,
    patients: bool = True,
    splits: tuple[str, ...] | None = None,
    seed: int = 0,
) -> Path:
    """A folder of 32 px PNGs and a ``manifest.csv`` about them.

    Args:
        folder: made.
        labels: of the images, in turns; an "Effusion" is bright at its base.
        images: how many; every third begins a new patient.
        patients: with a patient column.
        splits: the split column, one entry for each image.
        seed: of the noise; no image of one is among those of another.
    """
    folder.mkdir()
    generator = np.random.default_rng(seed)
    head = ["path", "label", *(["patient"] if patients else []), *(["split"] if splits else [])]
    lines = [",".join(head)]
    for number in range(images):
        label = labels[number % len(labels)]
        pixels = generator.integers(60, 160, (32, 32), dtype=np.uint8)
        if label == "Effusion":
            pixels[24:] += 60
        name = f"{number:03d}.png"
        Image.fromarray(pixels).save(folder / name)
        fields = [name, label]
        fields += [f"p{number // 3}"] if patients else []
        fields += [splits[number]] if splits else []
        lines.append(",".join(fields))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def truncate(path: Path) -> None:
    """Leave the first half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
