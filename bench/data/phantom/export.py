"""The synthetic cohort as files in the layout in which NIH publishes ChestX-ray14."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from bench.data.phantom.cohort import Visit, draw_cohort
from bench.data.phantom.render import PhantomReader
from bench.errors import InputError

# The first line of NIH's Data_Entry_2017_v2020.csv.
HEADER = (
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender",
    "View Position", "OriginalImage[Width,Height]", "OriginalImagePixelSpacing[x,y]",
)  # fmt: skip
CHEST_MM = 350.0  # what an image is taken to cover, for the pixel spacing column
IMAGES_PER_FOLDER = 10_000  # about as many as NIH puts into each of its twelve archives


def write_nih_layout(
    folder: Path,
    *,
    images: int,
    seed: int,
    image_size: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a cohort as grayscale PNGs with NIH's label file and official lists.

    Makes ``Data_Entry_2017_v2020.csv``, ``train_val_list.txt``, ``test_list.txt`` and
    ``images_001/images/*.png`` (``images_002`` and so on for large cohorts). The images are
    synthetic; only the layout is NIH's.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is a file: name a folder to write the phantom into")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"folder {str(folder)!r} is not empty: name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    visits = draw_cohort(images=images, seed=seed)
    reader = PhantomReader(visits, seed=seed, size=image_size)
    for number, visit in enumerate(visits):
        into = folder / f"images_{number // IMAGES_PER_FOLDER + 1:03d}" / "images"
        into.mkdir(parents=True, exist_ok=True)
        Image.fromarray(reader.read(visit.image)).save(into / visit.image)
        if progress is not None:
            progress(number + 1, len(visits))
    for split, name in (("train_validation", "train_val_list.txt"), ("test", "test_list.txt")):
        listed = [visit.image for visit in visits if visit.split == split]
        # NIH's own lists end without a newline.
        (folder / name).write_text("\n".join(listed), encoding="utf-8")
    # Last, so that a folder that was left half written has no label file and is not taken for one.
    _write_labels(folder / "Data_Entry_2017_v2020.csv", visits, image_size)


def _write_labels(path: Path, visits: Sequence[Visit], image_size: int) -> None:
    spacing = CHEST_MM / image_size
    with path.open("w", newline="", encoding="utf-8") as file:
        # NIH's last two headings are unquoted although each holds a comma and heads two columns.
        file.write(",".join(HEADER) + "\n")
        rows = csv.writer(file, lineterminator="\n")
        for visit in visits:
            label = "|".join(visit.reported) or "No Finding"
            person = visit.follow_up, visit.patient_id, visit.age, visit.sex, visit.view
            rows.writerow((visit.image, label, *person, *[image_size] * 2, *[spacing] * 2))
