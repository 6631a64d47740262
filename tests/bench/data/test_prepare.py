"""The share of the training part that is learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.data.splits import Split, draw_share, make_split
from tests.bench.data.nih_labels import nih_label_rows


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return nih_label_rows()


@pytest.fixture(scope="module")
def split(rows: pd.DataFrame) -> Split:
    return make_split(rows, name="patient", seed=3, validation_fraction=0.10, test_fraction=0.15)


def test_a_share_is_whole_patients_and_part_of_every_larger_one(
    rows: pd.DataFrame, split: Split
) -> None:
    patients = rows["patient"].to_numpy()
    before: set[int] = set()
    for share in (0.05, 0.1, 0.25, 0.5, 1.0):
        places = draw_share(rows, split, share=share)
        assert (np.diff(places) > 0).all()
        # No patient of this set has more than 184 images, and no share misses by more than half.
        assert abs(len(places) - share * len(split.train)) <= 92
        chosen = set(places.tolist())
        assert before < chosen <= set(split.train.tolist())
        left = np.setdiff1d(split.train, places)
        assert not set(patients[places]) & set(patients[left])
        before = chosen


def test_a_share_does_not_depend_on_the_order_of_the_rows(rows: pd.DataFrame, split: Split) -> None:
    shuffled = rows.sample(frac=1.0, random_state=5).reset_index(drop=True)
    again = make_split(
        shuffled, name="patient", seed=3, validation_fraction=0.10, test_fraction=0.15
    )
    one, two = (
        set(table["image"].iloc[draw_share(table, made, share=0.1)])
        for table, made in ((rows, split), (shuffled, again))
    )
    assert one == two


def test_images_without_a_patient_are_drawn_one_by_one(rows: pd.DataFrame, split: Split) -> None:
    unknown = rows.assign(patient="")
    assert len(draw_share(unknown, split, share=0.1)) == round(0.1 * len(split.train))
