"""Small study tables made by hand, and their splits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.config import DataConfig
from bench.data.splits import PARTS, Split, make_split
from bench.data.study import study_rows

Sizes = tuple[int, int, int]  # train, validation, test


def split_of(
    rows: pd.DataFrame,
    name: str,
    seed: int = 0,
    sizes: Sizes | None = None,
    *,
    validation: float = 0.10,
    test: float = 0.15,
) -> Split:
    """A split by the paper's shares: 75 % train, 10 % validation, 15 % test."""
    config = {
        "source": "phantom",
        "split": name,
        "split_seed": seed,
        "validation_fraction": validation,
        "test_fraction": test,
        "sizes": sizes and dict(zip(PARTS, sizes, strict=True)),
    }
    return make_split(rows, DataConfig.model_validate(config))


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
