"""The share of the training part that is learned from, on the phantom's patients.

``test_prepare`` asks some of this of the patients of ChestX-ray14, where their labels are.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bench.config import DataConfig
from bench.data.load import open_study
from bench.data.splits import Split, draw_share, split_as_configured

CONFIG = DataConfig(source="phantom", split="patient", split_seed=3, options={"images": 600})
SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return open_study(CONFIG).rows.assign(digest="")


@pytest.fixture(scope="module")
def split(rows: pd.DataFrame) -> Split:
    return split_as_configured(rows, CONFIG)


def test_a_share_is_whole_patients_of_the_training_part(rows: pd.DataFrame, split: Split) -> None:
    patients = rows["patient"].to_numpy()
    largest = np.unique(patients[split.train], return_counts=True)[1].max()
    for share in SHARES:
        places = draw_share(rows, split, share=share)
        assert (np.diff(places) > 0).all()
        assert np.isin(places, split.train).all()
        left = np.setdiff1d(split.train, places)
        assert not set(patients[places]) & set(patients[left])
        # The number of patients is the best there is, so that none misses by more than half.
        assert abs(len(places) - share * len(split.train)) <= largest / 2


def test_a_share_is_part_of_every_larger_one(rows: pd.DataFrame, split: Split) -> None:
    drawn = [set(draw_share(rows, split, share=share).tolist()) for share in SHARES]
    for smaller, larger in pairwise(drawn):
        assert smaller < larger
    assert drawn[-1] == set(split.train.tolist())


def test_the_smallest_share_is_one_patient(rows: pd.DataFrame, split: Split) -> None:
    places = draw_share(rows, split, share=1e-9)
    assert rows["patient"].iloc[places].nunique() == 1


def test_the_splits_seed_says_which_patients(rows: pd.DataFrame, split: Split) -> None:
    drawn = [
        frozenset(draw_share(rows, replace(split, seed=seed), share=0.1).tolist())
        for seed in range(5)
    ]
    assert len(set(drawn)) == 5
    again = draw_share(rows, replace(split, seed=2), share=0.1)
    assert set(again.tolist()) == drawn[2]


def test_a_share_does_not_depend_on_the_order_of_the_rows(rows: pd.DataFrame, split: Split) -> None:
    shuffled = rows.sample(frac=1.0, random_state=5).reset_index(drop=True)
    again = split_as_configured(shuffled, CONFIG)
    assert again.hash == split.hash
    for share in SHARES:
        one, two = (
            table["image"].iloc[draw_share(table, made, share=share)]
            for table, made in ((rows, split), (shuffled, again))
        )
        assert set(one) == set(two)


def test_images_without_a_patient_are_drawn_one_by_one(rows: pd.DataFrame, split: Split) -> None:
    unknown = rows.assign(patient="")
    assert len(draw_share(unknown, split, share=0.1)) == round(0.1 * len(split.train))
