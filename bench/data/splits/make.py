"""The named ways to split a study table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.leakage import measure_leakage
from bench.data.splits.groups import divide, inseparable_groups
from bench.data.splits.split import PARTS, Split
from bench.data.tasks import is_abnormal
from bench.errors import InputError
from bench.randomness import generator
from bench.registry import near_matches

TRAIN, VALIDATION, TEST = range(len(PARTS))

_WORDS = {
    "train": TRAIN,
    "train_validation": TRAIN,
    "validation": VALIDATION,
    "test": TEST,
}


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What a way of splitting is given; ``rows`` is sorted by image."""

    rows: pd.DataFrame
    name: str
    seed: int
    validation_fraction: float
    test_fraction: float


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What a way of splitting gives; ``part_of_row`` holds indices into ``PARTS``."""

    part_of_row: NDArray[np.int64]
    keeps_patients_apart: bool  # by its nature: a known patient in two parts is an error
    how: str


def make_split(
    rows: pd.DataFrame,
    *,
    name: str,
    seed: int,
    validation_fraction: float,
    test_fraction: float,
) -> Split:
    """Split a study table.

    The result depends on the set of rows only, not on their order.

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

    Raises:
        InputError: unknown name or no images; the split needs patient ids or given parts that
            the source does not have; a part would be empty; or a known patient is shared by two
            parts of a split that is to share none (``official``, ``patient``), whether or not
            other patients are unknown.
    """
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r}: {near_matches(name, list(SPLITS))}")
    if rows.empty:
        raise InputError(f"split {name!r}: there are no images to split; look into data.root")
    order = np.argsort(rows["image"].to_numpy(dtype=object), kind="stable")
    request = _Request(
        rows=rows.iloc[order],
        name=name,
        seed=seed,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )
    answer = SPLITS[name](request)
    part_of_row = np.empty(len(rows), np.int64)
    part_of_row[order] = answer.part_of_row
    split = Split.of(
        part_of_row,
        rows=rows,
        name=name,
        seed=seed,
        claims_disjoint=answer.keeps_patients_apart and _knows_patients(rows),
        how=answer.how,
    )
    _refuse_empty_parts(split)
    if answer.keeps_patients_apart:
        _refuse_shared_patients(split, rows)
    return split


def _official(request: _Request) -> _Answer:
    """The lists that are published with the data set."""
    part_of_row, how = _given(request)
    return _Answer(part_of_row=part_of_row, keeps_patients_apart=True, how=how)


def _fixed(request: _Request) -> _Answer:
    """The parts that somebody gave; nothing is promised about them."""
    part_of_row, how = _given(request)
    return _Answer(part_of_row=part_of_row, keeps_patients_apart=False, how=how)


def _by_patient(request: _Request) -> _Answer:
    """Random, each patient and each set of identical images in one part."""
    rows = request.rows
    unknown = int((rows["patient"] == "").sum())
    if unknown:
        raise InputError(
            f"split 'patient' needs patient ids, and {unknown:,} of {len(rows):,} images have "
            "none: name the patient column of the data, or set data.split=image"
        )
    wanted = (
        _wanted(request.validation_fraction, len(rows)),
        _wanted(request.test_fraction, len(rows)),
    )
    return _Answer(
        part_of_row=_divide(rows, wanted, request),
        keeps_patients_apart=True,
        how="random by patient, prevalence of abnormal images kept, identical images together",
    )


def _by_image(request: _Request) -> _Answer:
    """Plain random by image, with exact sizes: patients are shared between the parts."""
    count = len(request.rows)
    bits = generator(request.seed, "split by image").bit_generator.random_raw(count)
    order = np.argsort(bits, kind="stable")
    test = _wanted(request.test_fraction, count)
    validation = _wanted(request.validation_fraction, count)
    part_of_row = np.full(count, TRAIN, np.int64)
    part_of_row[order[:test]] = TEST
    part_of_row[order[test : test + validation]] = VALIDATION
    return _Answer(part_of_row=part_of_row, keeps_patients_apart=False, how="random by image")


SPLITS: dict[str, Callable[[_Request], _Answer]] = {
    "official": _official,
    "patient": _by_patient,
    "image": _by_image,
    "fixed": _fixed,
}


def _given(request: _Request) -> tuple[NDArray[np.int64], str]:
    """The parts that the source gives, validation carved out of training where it gives none."""
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
    words = set(given)
    if unknown := words - set(_WORDS):
        raise InputError(
            f"split {request.name!r}: the source gives a part {min(unknown)!r}, which is none of "
            f"{', '.join(_WORDS)}: rename it in the data, or set data.split=patient"
        )
    part_of_row = np.array([_WORDS[word] for word in given], np.int64)
    if "validation" not in words:
        return _carve_validation(part_of_row, request)
    if "train_validation" in words:
        raise InputError(
            f"split {request.name!r}: the source gives both 'validation' and 'train_validation' "
            "images, which leaves open what the latter are: mark them train or validation"
        )
    return part_of_row, "as given by the source"


def _carve_validation(
    part_of_row: NDArray[np.int64], request: _Request
) -> tuple[NDArray[np.int64], str]:
    pool = np.flatnonzero(part_of_row == TRAIN)
    training = request.rows.iloc[pool]
    if len(training):
        wanted = _wanted(request.validation_fraction, len(training))
        part_of_row[pool] = _divide(training, (wanted,), request)
    unit = "patient" if _knows_patients(training) else "image (some patients are unknown)"
    return part_of_row, (
        "train and test as given by the source; validation drawn from the given training images "
        f"at random by {unit}, prevalence of abnormal images kept, identical images together"
    )


def _knows_patients(rows: pd.DataFrame) -> bool:
    return bool((rows["patient"] != "").all())


def _wanted(fraction: float, images: int) -> int:
    return max(1, round(fraction * images))


def _divide(rows: pd.DataFrame, wanted: tuple[int, ...], request: _Request) -> NDArray[np.int64]:
    groups = inseparable_groups(rows)
    count = len(np.unique(groups))
    if count < 1 + len(wanted):
        raise InputError(
            f"split {request.name!r}: the {len(rows):,} images to divide form {count} inseparable "
            f"group{'' if count == 1 else 's'} (a patient's images and identical ones stay "
            f"together), too few for {1 + len(wanted)} parts: add images of more patients, or "
            "choose another data.split"
        )
    # Parts come numbered 0 (the rest), 1, 2 as in PARTS: train, validation, test.
    return divide(
        groups,
        positive=is_abnormal(rows),
        wanted=wanted,
        generator=generator(request.seed, "split by patient"),
    )


def _refuse_empty_parts(split: Split) -> None:
    sizes = ", ".join(f"{part} {len(at):,}" for part, at in split.parts.items())
    for part, positions in split.parts.items():
        if not len(positions):
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
