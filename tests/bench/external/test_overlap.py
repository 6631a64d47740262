"""Images and patients that two data sets share."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.external.evaluate import OtherData
from bench.external.overlap import HomeImages, find_overlap
from tests.bench.records import EXPERIMENT, data_record

OTHER = pd.DataFrame(
    {"image": ["w", "x", "y", "z"], "patient": ["1", "7", "", "1"], "digest": ["a", "q", "b", "r"]}
)


def test_images_are_found_by_their_pixels_and_patients_by_their_ids() -> None:
    home = pd.DataFrame({"patient": ["1", "2", ""], "digest": ["b", "a", "c"]})
    found = find_overlap(HomeImages(rows=home), OTHER)
    assert found.identical.tolist() == [True, False, True, False]
    assert found.shared_patients.tolist() == [True, False, False, True]
    counts = found.leakage
    assert (counts.identical_images, counts.shared_patients) == (2, 1)
    assert (counts.images_of_shared_patients, counts.later_images) == (2, 4)


def test_without_pixels_nothing_is_known_of_identical_images() -> None:
    home = pd.DataFrame({"patient": ["1"], "digest": [""]})
    found = find_overlap(HomeImages(rows=home, reason="gone"), OTHER)
    assert not found.identical.any()
    assert found.leakage.identical_images is None
    assert found.leakage.shared_patients == 1


@pytest.mark.parametrize(
    ("source", "said", "same"),
    [
        ("nih", None, True),
        ("manifest", None, False),
        ("manifest", True, True),
        ("nih", False, False),
    ],
)
def test_equal_ids_are_one_person_between_copies_of_chestxray14(
    source: str, said: bool | None, same: bool
) -> None:
    other = OtherData(experiment=EXPERIMENT, same_patients=said)  # of nih
    assert other.is_one_id_space(data_record(source=source)) is same
