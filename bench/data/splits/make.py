"""Splitting a study table as a config wants it; the share of the training part to learn from.

The strategies by name draw parts at random, or take them as the data source gives them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import DataConfig, PartSizes
from bench.data.leakage import measure_leakage
from bench.data.splits.groups import divide, divide_exactly, inseparable_groups
from bench.data.splits.split import PARTS, Split
from bench.data.study import patient_clusters
from bench.data.tasks import is_abnormal
from bench.errors import InputError
from bench.randomness import generator

TRAIN, VALIDATION, TEST, NO_PART = range(len(PARTS) + 1)

# The part of an image by its ``given_split``.
_GIVEN_PARTS = {"train": TRAIN, "train_validation": TRAIN, "validation": VALIDATION, "test": TEST}

# The given parts that stay as they are, by those that are drawn from the given training part.
_KEPT = {
    "validation": "train and test",
    "validation and train": "test",
    "train": "validation and test",
}

_WITHOUT_SIZES = "set data.sizes=null (data.validation_fraction and data.test_fraction then hold)"


def make_split(rows: pd.DataFrame, config: DataConfig) -> Split:
    """Split a study table with the column ``digest`` ("" where unknown).

    The result depends on the set of rows only, not on their order. Every image is in one part,
    unless exact sizes leave some out.

    Raises:
        InputError: patient ids or given parts that the source does not have; an empty part;
            sizes that images or whole patients do not add up to; or a known patient in two parts
            of a split that is to keep patients apart (``official``, ``patient``).
    """
    if rows.empty:
        raise InputError(f"split {config.split!r}: there are no images to split; see data.root")
    order = np.argsort(rows["image"].to_numpy(dtype=object), kind="stable")
    part_of_row = np.empty(len(rows), np.int64)
    part_of_row[order], how = _STRATEGIES[config.split](rows.iloc[order], config)
    if left_out := int((part_of_row == NO_PART).sum()):
        how += f"; exact sizes, images left out: {left_out:,}"
    keeps_patients_apart = config.split in ("official", "patient")
    split = Split.of(
        part_of_row,
        rows=rows,
        name=config.split,
        seed=config.split_seed,
        claims_disjoint=keeps_patients_apart and _knows_patients(rows),
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
    exchanges none. Sorted row numbers of as many patients as bring the number of images nearest
    to the share, one at least.
    """
    if share == 1.0:
        return split.train
    ordered = split.train[np.argsort(rows["image"].to_numpy(dtype=object)[split.train])]
    groups, names = pd.factorize(patient_clusters(rows["image"], rows["patient"])[ordered])
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


Assignment = tuple[NDArray[np.int64], str]
"""The part of every row, ``TRAIN`` … ``NO_PART``, and one line on how the parts were made."""


def _by_patient(rows: pd.DataFrame, config: DataConfig) -> Assignment:
    """Draw at random, each patient and each set of identical images in one part."""
    unknown = int((rows["patient"] == "").sum())
    if unknown:
        raise InputError(
            f"split 'patient' needs patient ids, and {unknown:,} of {len(rows):,} images have "
            "none: name the patient column of the data (of class folders: "
            "data.options.patient_pattern), or set data.split=image"
        )
    sizes = config.sizes
    if sizes is None:
        wanted = (
            _wanted(config.validation_fraction, len(rows)),
            _wanted(config.test_fraction, len(rows)),
        )
        part_of_row = _divide(rows, wanted, config)
    else:
        part_of_row = _divide_exactly(rows, (sizes.train, sizes.validation, sizes.test), config)
    how = "random by patient, prevalence of abnormal images kept, identical images together"
    return part_of_row, how


def _by_image(rows: pd.DataFrame, config: DataConfig) -> Assignment:
    """Draw images at random, with exact sizes: patients are shared between the parts."""
    count = len(rows)
    bits = generator(config.split_seed, "split by image").bit_generator.random_raw(count)
    order = np.argsort(bits, kind="stable")
    sizes = config.sizes
    if sizes is None:
        test = _wanted(config.test_fraction, count)
        validation = _wanted(config.validation_fraction, count)
        train = count  # all the others
    else:
        test, validation, train = sizes.test, sizes.validation, sizes.train
        _refuse_too_few(count, (train, validation, test), config)
    part_of_row = np.full(count, NO_PART, np.int64)
    part_of_row[order[test + validation :][:train]] = TRAIN
    part_of_row[order[:test]] = TEST
    part_of_row[order[test : test + validation]] = VALIDATION
    return part_of_row, "random by image"


def _given(rows: pd.DataFrame, config: DataConfig) -> Assignment:
    """The parts that the source gives; validation is drawn from training where it gives none.

    Exact sizes leave training images out, and no others.
    """
    part_of_row = _given_parts(rows, config)
    pool = np.flatnonzero(part_of_row == TRAIN)
    draws_validation = not (part_of_row == VALIDATION).any()
    drawn = "validation" if draws_validation else ""
    if (sizes := config.sizes) is not None:
        _refuse_other_sizes(part_of_row, sizes, config)
        if draws_validation:
            drawn = "validation and train"
        elif len(pool) != sizes.train:
            drawn = "train"
    if not drawn:
        return part_of_row, "as given by the source"
    training = rows.iloc[pool]
    if len(pool) and sizes is None:
        wanted = _wanted(config.validation_fraction, len(pool))
        part_of_row[pool] = _divide(training, (wanted,), config)
    elif len(pool) and sizes is not None:
        exactly = (sizes.train, sizes.validation) if draws_validation else (sizes.train,)
        part_of_row[pool] = _divide_exactly(training, exactly, config)
    kept = _KEPT[drawn]
    unit = "patient" if _knows_patients(training) else "image (some patients are unknown)"
    return part_of_row, (
        f"{kept} as given by the source; {drawn} drawn from the given training images at random "
        f"by {unit}, prevalence of abnormal images kept, identical images together"
    )


def _given_parts(rows: pd.DataFrame, config: DataConfig) -> NDArray[np.int64]:
    given = rows["given_split"].to_numpy(dtype=object)
    missing = given == ""
    if missing.any():
        raise InputError(
            f"split {config.split!r} takes the parts that the source gives, and "
            f"{int(missing.sum()):,} of {len(rows):,} images are in none of them, such as "
            f"{rows['image'].iloc[int(missing.argmax())]!r}: mark them in the data set's split "
            "lists or column, or set data.split=patient (without patients: image)"
        )
    names = set(given)
    if unknown := names - set(_GIVEN_PARTS):
        raise InputError(
            f"split {config.split!r}: the source gives a part {min(unknown)!r}, which is none of "
            f"{', '.join(_GIVEN_PARTS)}: rename it in the data, or set data.split=patient"
        )
    if {"validation", "train_validation"} <= names:
        raise InputError(
            f"split {config.split!r}: the source gives both 'validation' and 'train_validation' "
            "images, which leaves open what the latter are: mark them train or validation"
        )
    return np.array([_GIVEN_PARTS[name] for name in given], np.int64)


def _refuse_other_sizes(
    part_of_row: NDArray[np.int64], sizes: PartSizes, config: DataConfig
) -> None:
    """Refuse given parts, except the training part, that are not of the exact sizes."""
    for part, wanted in ((VALIDATION, sizes.validation), (TEST, sizes.test)):
        given = int((part_of_row == part).sum())
        if given != wanted and not (part == VALIDATION and given == 0):
            raise InputError(
                f"split {config.split!r}: data.sizes wants {wanted:,} {PARTS[part]} images, and "
                f"the source gives {given:,}: change the size, or {_WITHOUT_SIZES}"
            )


_STRATEGIES: dict[str, Callable[[pd.DataFrame, DataConfig], Assignment]] = {
    "official": _given,
    "patient": _by_patient,
    "image": _by_image,
    "fixed": _given,
}
"""The strategies by ``data.split``; each takes a study table sorted by image.

``official`` and ``fixed`` differ in what they promise: only the former keeps patients apart.
"""


def _knows_patients(rows: pd.DataFrame) -> bool:
    """True where every image has a patient id."""
    return bool((rows["patient"] != "").all())


def _wanted(fraction: float, images: int) -> int:
    return max(1, round(fraction * images))


def _divide(rows: pd.DataFrame, wanted: tuple[int, ...], config: DataConfig) -> NDArray[np.int64]:
    # Part 0 is the rest: the numbers are those of PARTS.
    return divide(
        _groups_for(1 + len(wanted), rows, config),
        positive=is_abnormal(rows),
        wanted=wanted,
        generator=generator(config.split_seed, "split by patient"),
    )


def _divide_exactly(
    rows: pd.DataFrame, wanted: tuple[int, ...], config: DataConfig
) -> NDArray[np.int64]:
    """Divide into train, validation and test, or as many of these as sizes are wanted."""
    _refuse_too_few(len(rows), wanted, config)
    part_of_row = divide_exactly(
        _groups_for(len(wanted), rows, config),
        positive=is_abnormal(rows),
        wanted=wanted,
        generator=generator(config.split_seed, "split by patient"),
    )
    reached = tuple(np.bincount(part_of_row, minlength=len(wanted))[: len(wanted)].tolist())
    if reached != wanted:
        raise InputError(
            f"split {config.split!r}: a patient's images and identical ones stay together, and no "
            f"division was found with exactly {_by_part(wanted)} images; the nearest has "
            f"{_by_part(reached)}: set data.sizes so, or {_WITHOUT_SIZES}"
        )
    return np.where(part_of_row == len(wanted), NO_PART, part_of_row)


def _groups_for(parts: int, rows: pd.DataFrame, config: DataConfig) -> NDArray[np.int64]:
    groups = inseparable_groups(rows)
    count = len(np.unique(groups))
    if count < parts:
        raise InputError(
            f"split {config.split!r}: the {len(rows):,} images to divide form {count} inseparable "
            f"group{'' if count == 1 else 's'} (a patient's images and identical ones stay "
            f"together), too few for {parts} part{'' if parts == 1 else 's'}: add images of more "
            "patients, or choose another data.split"
        )
    return groups


def _by_part(sizes: tuple[int, ...]) -> str:
    """``train 75, validation 10`` for the sizes of the first parts."""
    return ", ".join(f"{part} {size:,}" for part, size in zip(PARTS, sizes, strict=False))


def _refuse_too_few(images: int, wanted: tuple[int, ...], config: DataConfig) -> None:
    if sum(wanted) > images:
        raise InputError(
            f"split {config.split!r}: data.sizes wants {sum(wanted):,} images "
            f"({_by_part(wanted)}), and there are {images:,}: add the others, or {_WITHOUT_SIZES}"
        )
