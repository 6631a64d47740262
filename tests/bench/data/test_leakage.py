"""What parts share is counted, and what is unknown is not called 0."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.data.leakage import measure_leakage
from bench.data.study import study_rows


def _rows(patients: list[str], digests: list[str]) -> pd.DataFrame:
    images = [f"i{number}" for number in range(len(patients))]
    rows = study_rows({"image": images, "patient": patients, "findings": [()] * len(images)})
    return rows.assign(digest=digests)


PARTS = {
    "train": np.array([0, 1, 2]),
    "validation": np.array([3, 4]),
    "test": np.array([5, 6, 7]),
}


def test_each_pair_of_parts_is_counted_by_hand() -> None:
    rows = _rows(list("aab" + "bc" + "aad"), list("123" + "43" + "422"))
    found = [tuple(pair.model_dump().values()) for pair in measure_leakage(rows, PARTS)]
    #    earlier, later, images of the later, patients, images of theirs, unknown, identical
    assert found == [
        ("train", "validation", 2, 1, 1, 0, 1),
        ("train", "test", 3, 1, 2, 0, 2),
        ("validation", "test", 3, 0, 0, 0, 1),
    ]


def test_shared_patients_are_counted_over_the_known_ids_and_the_unknown_ones_beside() -> None:
    rows = _rows(["a", "b", "", *["a", ""], *["a", "b", "b"]], list("12345678"))
    found = measure_leakage(rows, PARTS)
    assert [pair.shared_patients for pair in found] == [1, 2, 1]
    assert [pair.images_of_shared_patients for pair in found] == [1, 3, 1]
    assert [pair.unknown_patients for pair in found] == [2, 1, 1]


def test_shared_patients_are_unknown_where_a_part_has_no_ids_at_all() -> None:
    rows = _rows(["a", "b", "c", "", "", "a", "f", "g"], list("12345678"))
    found = measure_leakage(rows, PARTS)
    assert [pair.shared_patients for pair in found] == [None, 1, None]
    assert [pair.images_of_shared_patients for pair in found] == [None, 1, None]
    assert [pair.unknown_patients for pair in found] == [2, 0, 2]


def test_identical_images_are_unknown_where_any_digest_is() -> None:
    rows = _rows(list("abcdefgh"), ["1", "2", "", *"34567"])
    assert [pair.identical_images for pair in measure_leakage(rows, PARTS)] == [None, None, 0]
