"""The split strategies by name: drawn at random, or as the data source gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import PartSizes
from bench.data.splits.groups import divide, divide_exactly, inseparable_groups
from bench.data.splits.split import PARTS
from bench.data.tasks import is_abnormal
from bench.errors import InputError
from bench.randomness import generator

TRAIN, VALIDATION, TEST, LEFT_OUT = range(len(PARTS) + 1)

# The part of an image by its ``given_split``.
_GIVEN_PARTS = {
    "train": TRAIN,
    "train_validation": TRAIN,
    "validation": VALIDATION,
    "test": TEST,
}

_WITHOUT_SIZES = (
    "give --set data.sizes=null (data.validation_fraction and data.test_fraction then hold)"
)


@dataclass(frozen=True, kw_only=True)
class SplitRequest:
    """A study table, sorted by image, and how it is to be split.

    The other attributes are the arguments of :func:`bench.data.splits.make_split`.
    """

    rows: pd.DataFrame
    name: str
    seed: int
    validation_fraction: float
    test_fraction: float
    sizes: PartSizes | None


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The part of every row, as a strategy assigns it.

    Attributes:
        part_of_row: ``TRAIN`` … ``LEFT_OUT``, (rows,).
        keeps_patients_apart: the strategy promises it: a known patient in two parts is an error.
        how: one line saying how the parts were made.
    """

    part_of_row: NDArray[np.int64]
    keeps_patients_apart: bool
    how: str


def _official(request: SplitRequest) -> Assignment:
    """Take the lists that are published with the data set."""
    part_of_row, how = _given(request)
    return Assignment(part_of_row=part_of_row, keeps_patients_apart=True, how=how)


def _fixed(request: SplitRequest) -> Assignment:
    """Take the parts that somebody gave; nothing is promised about them."""
    part_of_row, how = _given(request)
    return Assignment(part_of_row=part_of_row, keeps_patients_apart=False, how=how)


def _by_patient(request: SplitRequest) -> Assignment:
    """Draw at random, each patient and each set of identical images in one part."""
    rows = request.rows
    unknown = int((rows["patient"] == "").sum())
    if unknown:
        raise InputError(
            f"split 'patient' needs patient ids, and {unknown:,} of {len(rows):,} images have "
            "none: name the patient column of the data, or set data.split=image"
        )
    sizes = request.sizes
    if sizes is None:
        wanted = (
            _wanted(request.validation_fraction, len(rows)),
            _wanted(request.test_fraction, len(rows)),
        )
        part_of_row = _divide(rows, wanted, request)
    else:
        part_of_row = _divide_exactly(rows, (sizes.train, sizes.validation, sizes.test), request)
    return Assignment(
        part_of_row=part_of_row,
        keeps_patients_apart=True,
        how="random by patient, prevalence of abnormal images kept, identical images together",
    )


def _by_image(request: SplitRequest) -> Assignment:
    """Draw images at random, with exact sizes: patients are shared between the parts."""
    count = len(request.rows)
    bits = generator(request.seed, "split by image").bit_generator.random_raw(count)
    order = np.argsort(bits, kind="stable")
    sizes = request.sizes
    if sizes is None:
        test = _wanted(request.test_fraction, count)
        validation = _wanted(request.validation_fraction, count)
        train = count  # all the others
    else:
        test, validation, train = sizes.test, sizes.validation, sizes.train
        _refuse_too_few(count, (train, validation, test), request)
    part_of_row = np.full(count, LEFT_OUT, np.int64)
    part_of_row[order[test + validation :][:train]] = TRAIN
    part_of_row[order[:test]] = TEST
    part_of_row[order[test : test + validation]] = VALIDATION
    return Assignment(part_of_row=part_of_row, keeps_patients_apart=False, how="random by image")


SPLITS: dict[str, Callable[[SplitRequest], Assignment]] = {
    "official": _official,
    "patient": _by_patient,
    "image": _by_image,
    "fixed": _fixed,
}


def _given(request: SplitRequest) -> tuple[NDArray[np.int64], str]:
    """The parts that the source gives; validation is drawn from training where it gives none."""
    rows = request.rows
    given = rows["given_split"].to_numpy(dtype=object)
    missing = given == ""
    if missing.any():
        raise InputError(
            f"split {request.name!r} takes the parts that the source gives, and "
            f"{int(missing.sum()):,} of {len(rows):,} images are in none of them, such as "
            f"{rows['image'].iloc[int(missing.argmax())]!r}: mark them in the data set's split "
            "lists or column, or set data.split=patient"
        )
    names = set(given)
    if unknown := names - set(_GIVEN_PARTS):
        raise InputError(
            f"split {request.name!r}: the source gives a part {min(unknown)!r}, which is none of "
            f"{', '.join(_GIVEN_PARTS)}: rename it in the data, or set data.split=patient"
        )
    part_of_row = np.array([_GIVEN_PARTS[name] for name in given], np.int64)
    if {"validation", "train_validation"} <= names:
        raise InputError(
            f"split {request.name!r}: the source gives both 'validation' and 'train_validation' "
            "images, which leaves open what the latter are: mark them train or validation"
        )
    if request.sizes is not None:
        return _given_exactly(part_of_row, request.sizes, request)
    if "validation" not in names:
        return _draw_validation(part_of_row, request)
    return part_of_row, "as given by the source"


def _draw_validation(
    part_of_row: NDArray[np.int64], request: SplitRequest
) -> tuple[NDArray[np.int64], str]:
    pool = np.flatnonzero(part_of_row == TRAIN)
    training = request.rows.iloc[pool]
    if len(training):
        wanted = _wanted(request.validation_fraction, len(training))
        part_of_row[pool] = _divide(training, (wanted,), request)
    return part_of_row, (
        "train and test as given by the source; validation drawn from the given training images "
        + _by_unit(training)
    )


def _given_exactly(
    part_of_row: NDArray[np.int64], sizes: PartSizes, request: SplitRequest
) -> tuple[NDArray[np.int64], str]:
    """Given parts brought to exact sizes; images are left out of the training part alone."""
    draws_validation = not (part_of_row == VALIDATION).any()
    wanted_of_given = (
        {TEST: sizes.test} if draws_validation else {VALIDATION: sizes.validation, TEST: sizes.test}
    )
    for part, wanted in wanted_of_given.items():
        given = int((part_of_row == part).sum())
        if given != wanted:
            raise InputError(
                f"split {request.name!r}: data.sizes wants {wanted:,} {PARTS[part]} images, and "
                f"the source gives {given:,}: change the size, or {_WITHOUT_SIZES}"
            )
    pool = np.flatnonzero(part_of_row == TRAIN)
    training = request.rows.iloc[pool]
    if not draws_validation and len(pool) == sizes.train:
        return part_of_row, "as given by the source"
    if len(pool):
        wanted_of_pool = (sizes.train, sizes.validation) if draws_validation else (sizes.train,)
        part_of_row[pool] = _divide_exactly(training, wanted_of_pool, request)
    drawn = "validation and train" if draws_validation else "train"
    rest = "test" if draws_validation else "validation and test"
    return part_of_row, (
        f"{rest} as given by the source; {drawn} drawn from the given training images "
        + _by_unit(training)
    )


def _by_unit(training: pd.DataFrame) -> str:
    unit = "patient" if knows_patients(training) else "image (some patients are unknown)"
    return f"at random by {unit}, prevalence of abnormal images kept, identical images together"


def knows_patients(rows: pd.DataFrame) -> bool:
    """Whether every image has a patient id."""
    return bool((rows["patient"] != "").all())


def _wanted(fraction: float, images: int) -> int:
    return max(1, round(fraction * images))


def _divide(
    rows: pd.DataFrame, wanted: tuple[int, ...], request: SplitRequest
) -> NDArray[np.int64]:
    # Part 0 is the rest: the numbers are those of PARTS.
    return divide(
        _groups_for(1 + len(wanted), rows, request),
        positive=is_abnormal(rows),
        wanted=wanted,
        generator=generator(request.seed, "split by patient"),
    )


def _divide_exactly(
    rows: pd.DataFrame, wanted: tuple[int, ...], request: SplitRequest
) -> NDArray[np.int64]:
    """Divide into train, validation and test, or as many of these as sizes are wanted."""
    _refuse_too_few(len(rows), wanted, request)
    part_of_row = divide_exactly(
        _groups_for(len(wanted), rows, request),
        positive=is_abnormal(rows),
        wanted=wanted,
        generator=generator(request.seed, "split by patient"),
    )
    reached = tuple(np.bincount(part_of_row, minlength=len(wanted))[: len(wanted)].tolist())
    if reached != wanted:
        raise InputError(
            f"split {request.name!r}: a patient's images and identical ones stay together, and no "
            f"division was found with exactly {_by_part(wanted)} images; the nearest has "
            f"{_by_part(reached)}: set data.sizes so, or {_WITHOUT_SIZES}"
        )
    return np.where(part_of_row == len(wanted), LEFT_OUT, part_of_row)


def _groups_for(parts: int, rows: pd.DataFrame, request: SplitRequest) -> NDArray[np.int64]:
    groups = inseparable_groups(rows)
    count = len(np.unique(groups))
    if count < parts:
        raise InputError(
            f"split {request.name!r}: the {len(rows):,} images to divide form {count} inseparable "
            f"group{'' if count == 1 else 's'} (a patient's images and identical ones stay "
            f"together), too few for {parts} part{'' if parts == 1 else 's'}: add images of more "
            "patients, or choose another data.split"
        )
    return groups


def _by_part(sizes: tuple[int, ...]) -> str:
    """``train 75, validation 10`` for the sizes of the first parts."""
    return ", ".join(f"{part} {size:,}" for part, size in zip(PARTS, sizes, strict=False))


def _refuse_too_few(images: int, wanted: tuple[int, ...], request: SplitRequest) -> None:
    if sum(wanted) > images:
        raise InputError(
            f"split {request.name!r}: data.sizes wants {sum(wanted):,} images "
            f"({_by_part(wanted)}), and there are {images:,}: add the others, or {_WITHOUT_SIZES}"
        )
