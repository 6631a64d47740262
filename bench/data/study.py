"""The study table: the form into which every data source is brought.

One row is one image. Columns, in order:

=========== ======= ==============================================================================
image       str     unique id, the same on every machine: a file name, a path in the data's
                    folder, or what the source counts by ("test_000012"); a full path only where a
                    manifest lists a file outside its folder
patient     str     id of the person; "" where the source does not know it
findings    object  tuple of finding names, sorted; () is a normal image
view        str     "PA", "AP", …; "" where unknown
sex         str     "F", "M"; "" where unknown
age         float64 years; NaN where unknown
follow_up   float64 how many earlier studies of the patient there are; NaN where unknown
given_split str     "train", "validation", "test" or "train_validation", as given by the source;
                    "" where it gives none
=========== ======= ==============================================================================

Whoever knows the original pixels adds a column ``digest``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.errors import InputError

COLUMNS = ("image", "patient", "findings", "view", "sex", "age", "follow_up", "given_split")

SEPARATOR = "|"
"""Stands between the findings of one image, in files of predictions too; no name may hold it."""

# The order of NIH's own documentation; the phantom and MedMNIST's ChestMNIST use the same names.
NIH_FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)

ProblemKind = Literal[
    "missing",  # a row without its file
    "truncated",  # a file that ends too early
    "unreadable",  # a file that is no image
    "duplicated",  # one image id for several files
    "contradictory",  # rows that say different things of one image
    "unlabelled",  # a file without a row, or a row without a label
    "unknown finding",  # a label that the source does not know
]


GrayValues = NDArray[np.uint8] | NDArray[np.uint16]
"""Pixels of a grayscale image, shape (height, width); uint16 where a file has more than 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One image that cannot be used as it is."""

    kind: ProblemKind
    image: str  # the image id or file name
    detail: str  # one clause for the user ("label 'Pneumonai' is no finding of this source")


class ImageError(Exception):
    """The pixels of one image cannot be read: "missing", "truncated" or "unreadable"."""

    def __init__(self, kind: ProblemKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class PixelReader(Protocol):
    """Reads the original pixels of single images; called from several threads at once."""

    def read(self, image: str) -> GrayValues:
        """Original pixels, shape (height, width), before any resizing.

        White is 255 in uint8, and :attr:`StudyTable.full_scale` in uint16.

        Raises:
            ImageError: missing, truncated or unreadable.
        """

    def stamp(self, image: str) -> str:
        """A cheap text that changes whenever the stored image does (size and time of a file).

        "missing" where there is none. Only of such an image may :meth:`read` say that it is
        missing; any other has vanished, which may pass.
        """


@dataclass(frozen=True, kw_only=True)
class StudyTable:
    """A data source's labels, and the reader of its pixels."""

    name: str  # the source's name, for tables ("nih")
    # The table described at the top of this module, index 0..n-1, sorted by ``image``; only rows
    # without a problem.
    rows: pd.DataFrame
    finding_names: tuple[str, ...]  # every finding that may occur, in the source's order
    # Gives the pixels of ``rows.image``; None where only the label files were read, which may list
    # images that are not there.
    reader: PixelReader | None = None
    # Gray value of white in 16-bit images; None for 65535 where nobody has said so, which is
    # refused where no such image comes near it.
    full_scale: int | None = None
    # Facts for the head of every report ("1,723 of the 112,120 images are here").
    notes: tuple[str, ...] = ()
    # Rows and files left out of ``rows``; a run refuses them unless ``data.on_bad`` is ``skip``.
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        for name in self.finding_names:
            if SEPARATOR in name:
                raise InputError(
                    f"finding {name!r} of data source {self.name!r} holds {SEPARATOR!r}, which "
                    "stands between findings wherever several are written: rename it"
                )

    @property
    def problems_by_kind(self) -> dict[ProblemKind, tuple[Problem, ...]]:
        """The problems by their kind, each kind where it first occurs."""
        kinds = dict.fromkeys(problem.kind for problem in self.problems)
        return {kind: tuple(p for p in self.problems if p.kind == kind) for kind in kinds}

    @property
    def skipped(self) -> int:
        """Number of images that have a problem."""
        return len({problem.image for problem in self.problems})


def study_rows(columns: dict[str, Sequence[object]]) -> pd.DataFrame:
    """Build the rows of a :class:`StudyTable`: ``COLUMNS``, sorted by ``image``, index 0..n-1.

    ``image`` and ``findings`` are needed; others are "unknown" where they are not given.
    """
    count = len(columns["image"])
    findings = np.empty(count, dtype=object)
    findings[:] = [tuple(sorted(f)) for f in columns["findings"]]  # type: ignore[call-overload]
    given: dict[str, Any] = {**columns, "findings": findings}
    data = {}
    for name in COLUMNS:
        number = name in ("age", "follow_up")
        values = given.get(name, [math.nan if number else ""] * count)
        data[name] = np.asarray(values, dtype=np.float64 if number else object)
    return pd.DataFrame(data).sort_values("image", kind="stable").reset_index(drop=True)


def patient_clusters(images: ArrayLike, patients: ArrayLike) -> NDArray[np.object_]:
    """The patient of each image, (n,); one without a patient id ("") is a patient of its own."""
    images, patients = np.asarray(images, object), np.asarray(patients, object)
    # The tab keeps an image's id apart from every patient's.
    return np.where(patients == "", "image\t" + images, patients)


def count_patients(rows: pd.DataFrame) -> int | None:
    """Number of patients; None where that of any image is unknown."""
    return None if (rows["patient"] == "").any() else int(rows["patient"].nunique())
