"""Images and patients that other data share with the data that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import expand
from bench.data.description import fingerprint
from bench.data.leakage import Leakage, measure_leakage
from bench.data.load import decode_source
from bench.errors import InputError
from bench.progress import Progress
from bench.runs.run import Run
from bench.runs.store import Store

HOME, OTHER = "trained on", "tested on"
"""Names of the two in :class:`bench.data.leakage.Leakage`."""


@dataclass(frozen=True, kw_only=True)
class HomeImages:
    """The images that a network was trained, validated and tested on.

    Attributes:
        rows: with the columns ``patient`` and ``digest``.
        reason: why digests, and the patients of the training part, are not known; "" where they
            are.
    """

    rows: pd.DataFrame
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Overlap:
    """Images and patients that other data share with the home data.

    Attributes:
        identical: bool (n,), images that are pixel-identical to one of the home data.
        shared_patients: bool (n,), images whose patient id occurs in the home data.
    """

    leakage: Leakage
    identical: NDArray[np.bool_]
    shared_patients: NDArray[np.bool_]


def home_images(run: Run, *, progress: Progress) -> HomeImages:
    """Read the images that a run's network was trained on, where they still are as they were.

    Pixels that were decoded for the run are used where they are kept. Where the images cannot be
    had, the patients of the validation and test part are known from the predictions.
    """
    reason = "its data have changed since"
    try:
        levels = expand(Store(run.folder.parent).experiment_of(run.folder))
    except InputError:
        levels, reason = (), "the record of its experiment is damaged"
    for config in {level.data.model_dump_json(): level.data for level in levels}.values():
        if config.image_size != run.data.image_size:
            continue
        try:
            usable, _ = decode_source(config, progress, label="decoding home images")
        except InputError:  # its message may hold paths, and the report is for others
            reason = "its images are no longer where they were"
            continue
        if fingerprint(usable.rows, config.image_size) == run.data.fingerprint:
            return HomeImages(rows=usable.rows[["patient", "digest"]])
    patients = run.predictions_frame()[["patient"]]
    return HomeImages(rows=patients.assign(digest=""), reason=reason)


def find_overlap(home: HomeImages, rows: pd.DataFrame) -> Overlap:
    """Compare other images with the home data, by the digests of original pixels and by patient."""
    both = pd.concat([home.rows, rows[["patient", "digest"]]], ignore_index=True)
    numbers = np.arange(len(both))
    parts = {HOME: numbers[: len(home.rows)], OTHER: numbers[len(home.rows) :]}
    (leakage,) = measure_leakage(both, parts)

    def is_home(column: str) -> NDArray[np.bool_]:
        known = set(home.rows[column]) - {""}
        return rows[column].isin(known).to_numpy(dtype=np.bool_)

    return Overlap(leakage=leakage, identical=is_home("digest"), shared_patients=is_home("patient"))
