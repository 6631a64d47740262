"""Splitting a study table by a named strategy; the part of the training images to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import DataConfig, PartSizes
from bench.data.leakage import measure_leakage
from bench.data.splits.split import Split
from bench.data.splits.strategies import LEFT_OUT, SPLITS, SplitRequest, knows_patients
from bench.errors import InputError
from bench.randomness import generator
from bench.registry import near_matches


def make_split(
    rows: pd.DataFrame,
    *,
    name: str,
    seed: int,
    validation_fraction: float,
    test_fraction: float,
    sizes: PartSizes | None = None,
) -> Split:
    """Split a study table.

    The result depends on the set of rows only, not on their order. Every image is in one part,
    unless exact sizes leave some out.

    Args:
        rows: the study table (see :mod:`bench.data.study`) with the column ``digest``, a digest
            of each image's original pixels ("" where unknown).
        name: one of :data:`SPLITS`.
        seed: of every random choice.
        validation_fraction: wanted share of all images for validation in the random splits
            (``patient``, ``image``); in ``official`` and ``fixed``, where the source gives no
            validation images, the share of its training images.
        test_fraction: wanted share of all images for the test in the random splits; the others
            take the test images that the source gives.
        sizes: exact numbers of images instead of the fractions. Parts that the source gives
            have to have them, except its training part, of which whole patients are left out.

    Raises:
        InputError: unknown name; patient ids or given parts that the source does not have; an
            empty part; sizes that images or whole patients do not add up to; or a known patient
            in two parts of a split that is to keep patients apart (``official``, ``patient``).
    """
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r}: {near_matches(name, list(SPLITS))}")
    if rows.empty:
        raise InputError(f"split {name!r}: there are no images to split; look into data.root")
    order = np.argsort(rows["image"].to_numpy(dtype=object), kind="stable")
    request = SplitRequest(
        rows=rows.iloc[order],
        name=name,
        seed=seed,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        sizes=sizes,
    )
    assignment = SPLITS[name](request)
    part_of_row = np.empty(len(rows), np.int64)
    part_of_row[order] = assignment.part_of_row
    split = Split.of(
        part_of_row,
        rows=rows,
        name=name,
        seed=seed,
        claims_disjoint=assignment.keeps_patients_apart and knows_patients(rows),
        how=assignment.how + _about_left_out(assignment.part_of_row),
    )
    _refuse_empty_parts(split)
    if assignment.keeps_patients_apart:
        _refuse_shared_patients(split, rows)
    return split


def split_as_configured(rows: pd.DataFrame, config: DataConfig) -> Split:
    """The split that ``config`` asks for; see :func:`make_split`."""
    return make_split(
        rows,
        name=config.split,
        seed=config.split_seed,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        sizes=config.sizes,
    )


def split_if_given(rows: pd.DataFrame, config: DataConfig) -> Split | None:
    """The split that ``config`` asks for; None where it takes given parts and none are given."""
    given = config.split in ("official", "fixed")
    if given and (rows["given_split"] == "").all():
        return None
    return split_as_configured(rows, config)


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


def _about_left_out(part_of_row: NDArray[np.int64]) -> str:
    count = int((part_of_row == LEFT_OUT).sum())
    return f"; exact sizes, images left out: {count:,}" if count else ""


def _refuse_empty_parts(split: Split) -> None:
    sizes = ", ".join(f"{part} {len(numbers):,}" for part, numbers in split.parts.items())
    for part, numbers in split.parts.items():
        if not len(numbers):
            raise InputError(
                f"split {split.name!r} leaves the {part} part empty ({sizes} images): add images "
                "of it, or choose another data.split or larger fractions"
            )


def _refuse_shared_patients(split: Split, rows: pd.DataFrame) -> None:
    for pair in measure_leakage(rows, split.parts):
        if pair.shared_patients:
            patients = rows["patient"].to_numpy(dtype=object)
            parts = split.parts
            shared = set(patients[parts[pair.earlier]]) & set(patients[parts[pair.later]]) - {""}
            example = min(shared)
            raise InputError(
                f"split {split.name!r} claims that no patient is in two parts, but "
                f"{pair.shared_patients:,} are in both {pair.earlier} and {pair.later}, such as "
                f"{example!r}: mend the lists, or set data.split=fixed (which only counts them) "
                "or data.split=patient"
            )
