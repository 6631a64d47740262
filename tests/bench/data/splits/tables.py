"""Small study tables made by hand, and their splits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.config import PartSizes
from bench.data.splits import Split, make_split
from bench.data.study import study_rows

Sizes = tuple[int, int, int]  # train, validation, test


def split_of(rows: pd.DataFrame, name: str, seed: int = 0, sizes: Sizes | None = None) -> Split:
    """The paper's shares: 75 % train, 10 % validation, 15 % test."""
    return make_split(
        rows,
        name=name,
        seed=seed,
        validation_fraction=0.10,
        test_fraction=0.15,
        sizes=sizes and PartSizes(train=sizes[0], validation=sizes[1], test=sizes[2]),
    )


def made_rows(
    patients: list[str],
    *,
    abnormal: list[bool] | None = None,
    given: list[str] | None = None,
    digests: list[str] | None = None,
) -> pd.DataFrame:
    images = [f"image{number:04}" for number in range(len(patients))]
    marks = abnormal or [number % 2 == 0 for number in range(len(patients))]
    rows = study_rows(
        {
            "image": images,
            "patient": patients,
            "findings": [("Mass",) if mark else () for mark in marks],
            "given_split": given or [""] * len(patients),
        }
    )
    return rows.assign(pixel_row=np.arange(len(rows)), digest=digests or images)
