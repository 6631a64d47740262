"""Splitting a study table as a config wants it; the share of the training part to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import DataConfig
from bench.data.leakage import measure_leakage
from bench.data.splits.split import Split
from bench.data.splits.strategies import NO_PART, STRATEGIES, knows_patients
from bench.errors import InputError
from bench.randomness import generator


def make_split(rows: pd.DataFrame, config: DataConfig) -> Split:
    """Split a study table.

    The result depends on the set of rows only, not on their order. Every image is in one part,
    unless exact sizes leave some out.

    Args:
        rows: the study table (see :mod:`bench.data.study`) with the column ``digest``, a digest
            of each image's original pixels ("" where unknown).
        config: which split, and how large its parts.

    Raises:
        InputError: patient ids or given parts that the source does not have; an empty part;
            sizes that images or whole patients do not add up to; or a known patient in two parts
            of a split that is to keep patients apart (``official``, ``patient``).
    """
    if rows.empty:
        raise InputError(f"split {config.split!r}: there are no images to split; see data.root")
    order = np.argsort(rows["image"].to_numpy(dtype=object), kind="stable")
    part_of_row = np.empty(len(rows), np.int64)
    part_of_row[order], how = STRATEGIES[config.split](rows.iloc[order], config)
    if left_out := int((part_of_row == NO_PART).sum()):
        how += f"; exact sizes, images left out: {left_out:,}"
    keeps_patients_apart = config.split in ("official", "patient")
    split = Split.of(
        part_of_row,
        rows=rows,
        name=config.split,
        seed=config.split_seed,
        claims_disjoint=keeps_patients_apart and knows_patients(rows),
        how=how,
    )
    _refuse_empty_parts(split)
    if keeps_patients_apart:
        _refuse_shared_patients(split, rows)
    return split


def split_if_given(rows: pd.DataFrame, config: DataConfig) -> Split | None:
    """The split of a config; None where it takes given parts and the source gives none."""
    given = config.split in ("official", "fixed")
    if given and (rows["given_split"] == "").all():
        return None
    return make_split(rows, config)


def draw_share(rows: pd.DataFrame, split: Split, *, share: float) -> NDArray[np.int64]:
    """A share of the training part: whole patients, in an order that the split's seed gives.

    A smaller share is part of every larger one, so that a learning curve adds images and
    exchanges none.

    Args:
        rows: the study table.
        split: of ``rows``.
        share: above 0; 1 is the whole part.

    Returns:
        Sorted row numbers; as many patients as bring the number of images nearest to the
        share, one at least.
    """
    if share == 1.0:
        return split.train
    ordered = split.train[np.argsort(rows["image"].to_numpy(dtype=object)[split.train])]
    # An image without a patient id is a patient of its own.
    ids = rows["patient"].where(rows["patient"] != "", "image " + rows["image"])
    groups, names = pd.factorize(ids.to_numpy(dtype=object)[ordered])
    bits = generator(split.seed, "share of training").bit_generator.random_raw(len(names))
    order = np.argsort(bits, kind="stable")
    images = np.bincount(groups)[order].cumsum()
    count = 1 + int(np.abs(images - share * len(ordered)).argmin())
    return np.sort(ordered[np.isin(groups, order[:count])])


def _refuse_empty_parts(split: Split) -> None:
    sizes = ", ".join(f"{part} {len(numbers):,}" for part, numbers in split.parts.items())
    for part, numbers in split.parts.items():
        if not len(numbers):
            raise InputError(
                f"split {split.name!r} leaves the {part} part empty ({sizes} images): add images "
                "of it, or choose another data.split or larger fractions"
            )


def _refuse_shared_patients(split: Split, rows: pd.DataFrame) -> None:
    patients = rows["patient"].to_numpy(dtype=object)
    for pair in measure_leakage(rows, split.parts):
        if pair.shared_patients:
            earlier, later = (set(patients[split.parts[p]]) for p in (pair.earlier, pair.later))
            raise InputError(
                f"split {split.name!r} claims that no patient is in two parts, but "
                f"{pair.shared_patients:,} are in both {pair.earlier} and {pair.later}, such as "
                f"{min(earlier & later - {''})!r}: mend the lists, or set data.split=fixed (which "
                "only counts them) or data.split=patient"
            )
