"""The share of the training part to learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bench.config import DataConfig
from bench.data.load import open_study
from bench.data.splits import Split, draw_share, make_split
from tests.bench.data.nih_labels import nih_label_rows

CONFIG = DataConfig(source="phantom", split="patient", split_seed=3, options={"images": 600})
SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Divided:
    """A study table and its split."""

    rows: pd.DataFrame
    split: Split

    def share(self, share: float) -> set[str]:
        """The images of a share of the training part."""
        return set(self.rows["image"].iloc[draw_share(self.rows, self.split, share=share)])


@pytest.fixture(scope="module", params=["phantom", "nih"])
def divided(request: pytest.FixtureRequest) -> Divided:
    # Real patients, of one image to many; a part of them is enough.
    rows = open_study(CONFIG).rows if request.param == "phantom" else nih_label_rows()[:20_000]
    rows = rows.assign(digest="")
    return Divided(rows, make_split(rows, CONFIG))


def test_a_share_is_whole_patients_and_part_of_every_larger_one(divided: Divided) -> None:
    train = divided.split.train
    patients = divided.rows["patient"].to_numpy()
    largest = np.unique(patients[train], return_counts=True)[1].max()
    shares = [draw_share(divided.rows, divided.split, share=share) for share in SHARES]
    for share, rows in zip(SHARES, shares, strict=True):
        assert (np.diff(rows) > 0).all()
        assert not set(patients[rows]) & set(patients[np.setdiff1d(train, rows)])
        # The number of patients is the best there is, so that none misses by more than half.
        assert abs(len(rows) - share * len(train)) <= largest / 2
    for smaller, larger in pairwise(shares):
        assert set(smaller.tolist()) < set(larger.tolist())
    np.testing.assert_array_equal(shares[-1], train)


def test_a_share_does_not_depend_on_the_order_of_the_rows(divided: Divided) -> None:
    shuffled = divided.rows.sample(frac=1.0, random_state=5).reset_index(drop=True)
    again = Divided(shuffled, make_split(shuffled, CONFIG))
    assert again.split.hash == divided.split.hash
    assert again.share(0.1) == divided.share(0.1)


def test_the_smallest_share_is_one_patient(divided: Divided) -> None:
    rows = draw_share(divided.rows, divided.split, share=1e-9)
    assert divided.rows["patient"].iloc[rows].nunique() == 1


def test_the_splits_seed_decides_which_patients(divided: Divided) -> None:
    shares = [
        replace(divided, split=replace(divided.split, seed=seed)).share(0.1)
        for seed in (0, 1, 2, 0)
    ]
    assert shares[0] == shares[3]
    assert len({frozenset(share) for share in shares}) == 3


def test_images_without_a_patient_are_drawn_one_by_one(divided: Divided) -> None:
    unknown = replace(divided, rows=divided.rows.assign(patient=""))
    assert len(unknown.share(0.1)) == round(0.1 * len(divided.split.train))
