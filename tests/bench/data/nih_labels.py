"""The real label file of ChestX-ray14 as a study table, by the harness and without it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from bench.config import load_experiment
from bench.data.load import open_labels
from bench.data.splits import Split, make_split
from bench.data.study import StudyTable, study_rows
from tests.shared_data import shared


@cache
def nih_labels() -> StudyTable:
    """Labels of all 112,120 images as the harness reads them; 1,723 of the images are here."""
    return open_labels(load_experiment("nih_image", changes={"data.root": shared("nih-mini")}).data)


@cache
def nih_split(name: str) -> Split:
    """The split of a shipped experiment on all of them."""
    return make_split(nih_labels().rows, load_experiment(name).data)


@cache
def nih_label_rows() -> pd.DataFrame:
    """All 112,120 rows with the official lists; every image has a digest of its own."""
    folder = shared("nih-mini")
    labels = pd.read_csv(folder / "Data_Entry_2017_v2020.csv")
    test = set((folder / "test_list.txt").read_text().split())
    rows = study_rows(
        {
            "image": labels["Image Index"].tolist(),
            "patient": labels["Patient ID"].astype(str).tolist(),
            "findings": [
                () if text == "No Finding" else text.split("|") for text in labels["Finding Labels"]
            ],
            "view": labels["View Position"].tolist(),
            "sex": labels["Patient Gender"].tolist(),
            "age": labels["Patient Age"].tolist(),
            "follow_up": labels["Follow-up #"].tolist(),
            "given_split": [
                "test" if image in test else "train_validation" for image in labels["Image Index"]
            ],
        }
    )
    return rows.assign(pixel_row=np.arange(len(rows)), digest=rows["image"])
