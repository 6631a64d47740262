"""Some images of a manifest, as a folder per part and class, and as a manifest of that folder.

The folder is what timm and torchvision read, the manifest what ``bench`` reads: the same links
to the same files.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

MANIFEST = "manifest.csv"


class Image(NamedTuple):
    """A row of the manifest; its path is absolute."""

    path: Path
    label: str
    patient: str


def read_manifest(file: Path) -> list[Image]:
    """Rows of a CSV file with the columns path, label and patient.

    Raises:
        ValueError: a column is missing.
    """
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if missing := {"path", "label", "patient"} - set(rows.fieldnames or ()):
            raise ValueError(f"{file} has no column {', '.join(sorted(missing))}")
        folder = file.parent.resolve()
        return [Image(folder / row["path"], row["label"], row["patient"]) for row in rows]


def divide(images: Iterable[Image], sizes: Mapping[str, int]) -> dict[str, list[Image]]:
    """Draw the parts: as many images of every class, and no patient in two parts.

    Args:
        images: to draw from; a patient's are of one class.
        sizes: images of each part, a multiple of the number of classes.

    Raises:
        ValueError: a class has too few images, or a size is no multiple.
    """
    by_class: dict[str, dict[str, list[Image]]] = defaultdict(lambda: defaultdict(list))
    for image in sorted(images):
        by_class[image.label][image.patient].append(image)
    if sum(map(len, by_class.values())) != len(set().union(*by_class.values())):
        raise ValueError("a patient has images of more than one class: the parts would share it")
    parts: dict[str, list[Image]] = {name: [] for name in sizes}
    for label, groups in sorted(by_class.items()):
        patients = list(groups)
        random.Random(f"0 {label}").shuffle(patients)
        for name, size in sizes.items():
            if size % len(by_class):
                raise ValueError(f"{size} {name} images: choose a multiple of {len(by_class)}")
            drawn: list[Image] = []
            # What a part's last patient has too many of is left out, not given to the next part.
            while patients and len(drawn) < size // len(by_class):
                drawn += groups[patients.pop()]
            if len(drawn) < size // len(by_class):
                raise ValueError(f"too few images of class {label} for the {name} part")
            parts[name] += drawn[: size // len(by_class)]
    return parts


def write_image_folder(parts: Mapping[str, Iterable[Image]], folder: Path) -> None:
    """Link the images as ``PART/CLASS/NAME`` and list them in :data:`MANIFEST`.

    Every image is read once, so that no program pays for the first look at the disk.
    """
    rows = [("path", "label", "patient", "split")]
    for part, images in parts.items():
        for image in images:
            link = folder / part / image.label / image.path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(image.path)
            link.read_bytes()
            rows.append((link.relative_to(folder).as_posix(), image.label, image.patient, part))
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)
