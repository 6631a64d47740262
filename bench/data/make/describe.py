"""Facts about a data set and choices made for it, as lines for its user."""

from __future__ import annotations

import re

import pandas as pd

from bench.config import DataConfig
from bench.data.pixel_store import PixelStore
from bench.data.splits import make_split
from bench.data.study import StudyTable
from bench.errors import InputError

_PATIENT = re.compile(r"((?:person|patient|subject)[-_]?)\d+", re.IGNORECASE)


def facts(study: StudyTable, store: PixelStore) -> list[str]:
    """Patients, views and depth of the images."""
    rows = study.rows
    known = rows["patient"][rows["patient"] != ""]
    lines = [f"patients: {known.nunique():,}" if len(known) else "patients: unknown"]
    if not len(known) and study.name == "manifest":
        lines[0] += "; data.options.patient_column names the column that says who they are"
    if 0 < len(known) < len(rows):
        lines[0] += f" in {len(known):,} of {len(rows):,} images, unknown in the others"
    views = rows["view"][rows["view"] != ""].value_counts()
    if len(views) and not any(note.startswith("views: ") for note in study.notes):
        lines.append("views: " + ", ".join(f"{view} {count:,}" for view, count in views.items()))
    if store.deep_images:
        lines.append(
            f"bit depth: 16 in {store.deep_images:,} of {len(store.images):,} images, brightest "
            f"gray value {store.peak:,}"
        )
    elif study.name != "dicom":  # whose source says it
        lines.append("bit depth: 8")
    return lines


def about_paths(study: StudyTable) -> list[str]:
    """Advice where the paths of images seem to hold the patients."""
    known = bool((study.rows["patient"] != "").any())
    if known or study.name not in ("folders", "manifest"):
        return []
    found = [match for image in study.rows["image"] if (match := _PATIENT.search(image))]
    if 4 * len(found) < len(study.rows):
        return []
    return [
        f"{len(found):,} paths may hold a patient ({found[0][0]}): --set "
        f"'data.options.patient_pattern=({found[0][1]}\\d+)' reads them, and those in two "
        "parts are counted"
    ]


def choose_split(rows: pd.DataFrame) -> tuple[str, str]:
    """The ``data.split`` that suits a study table best, and why."""
    parts = set(rows["given_split"])
    if "" not in parts and "test" in parts and parts & {"train", "train_validation"}:
        split = "official" if "train_validation" in parts else "fixed"
        return split, "the parts that the data gives"
    unknown = int((rows["patient"] == "").sum())
    if not unknown:
        return "patient", "patients are known, and nobody is in two parts"
    return "image", (
        f"{unknown:,} of {len(rows):,} images have no patient: somebody may be in two parts, and "
        "no table can rule it out"
    )


def about_split(rows: pd.DataFrame, data: DataConfig) -> str:
    """Sizes of the parts, or why there are none."""
    try:
        split = make_split(rows, data)
    except InputError as error:
        return f"a run is refused so far: {error}"
    return "parts: " + ", ".join(f"{part} {len(of):,}" for part, of in split.parts.items())
