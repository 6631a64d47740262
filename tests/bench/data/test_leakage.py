"""Counts of the patients and images that parts share; an unknown number is not 0."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.leakage import measure_leakage
from bench.data.study import study_rows

PARTS = {
    "train": np.array([0, 1, 2]),
    "validation": np.array([3, 4]),
    "test": np.array([5, 6, 7]),
}


@pytest.mark.parametrize(
    ("patients", "digests", "expected"),
    [
        # patients in both, images of theirs, unknown patients, identical images
        pytest.param(
            "aab bc aad",
            "123 43 422",
            [(1, 1, 0, 1), (1, 2, 0, 2), (0, 0, 0, 1)],
            id="counted by hand",
        ),
        pytest.param(
            "ab. a. abb",
            "123 45 678",
            [(1, 1, 2, 0), (2, 3, 1, 0), (1, 1, 1, 0)],
            id="known ids are counted, unknown ones beside",
        ),
        pytest.param(
            "abc .. afg",
            "123 45 678",
            [(None, None, 2, 0), (1, 1, 0, 0), (None, None, 2, 0)],
            id="patients are unknown where a part has no ids at all",
        ),
        pytest.param(
            "abc de fgh",
            "12. 34 567",
            [(0, 0, 0, None), (0, 0, 0, None), (0, 0, 0, 0)],
            id="identical images are unknown where any digest is",
        ),
    ],
)
def test_each_pair_of_parts_is_counted(
    patients: str, digests: str, expected: list[tuple[int | None, ...]]
) -> None:
    """A letter is a patient, a digit a digest, and a point is unknown."""
    names, pixels = (
        [letter.strip(".") for letter in text.replace(" ", "")] for text in (patients, digests)
    )
    rows = study_rows({"image": list("abcdefgh"), "patient": names, "findings": [()] * 8})
    pairs = measure_leakage(rows.assign(digest=pixels), PARTS)
    found = [tuple(pair.model_dump().values()) for pair in pairs]
    names_of_pairs = [("train", "validation", 2), ("train", "test", 3), ("validation", "test", 3)]
    assert found == [
        (*pair, *counts) for pair, counts in zip(names_of_pairs, expected, strict=True)
    ]
