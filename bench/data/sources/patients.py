"""The patient column of a label file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator

from bench.data.sources.words import UNKNOWN, fold

PatientIds = Literal["text", "number"]
"""Whether ids are compared as they are written, or as numbers where they are numbers."""


def _with_one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"{pattern!r} has {groups} groups, not one, the patient's id")
    return pattern


PatientPattern = Annotated[str, AfterValidator(_with_one_group)]
"""A regular expression with one group, the patient's id in a path."""

# What is left of an id that was a number for pandas or Excel: "007", "7", "7.0".
_NUMBER = re.compile(r"0*([0-9]+?)(?:\.0*)?")


def parse_patients(texts: Sequence[str], *, ids: PatientIds) -> tuple[list[str], tuple[str, ...]]:
    """Read a patient column.

    As numbers, ids that are whole numbers lose leading zeros and decimals, so that ``7``, ``007``
    and ``7.0`` are one person.

    Returns:
        Each row's patient id, "" for a text that says nothing (``nan``, ``-``), and notes on how
        many rows have such a text and how many numbers are written in several ways.
    """
    distinct = list(dict.fromkeys(texts))
    spellings: dict[str, list[str]] = {}
    patients: dict[str, str] = {}
    for text in distinct:
        if fold(text) in UNKNOWN:
            patients[text] = ""
            continue
        number = as_number(text)
        spellings.setdefault(number, []).append(text)
        patients[text] = number if ids == "number" else text
    notes = []
    if unknown := sum(1 for text in texts if text and not patients[text]):
        notes.append(f"{unknown:,} entries of the patient column were taken as unknown")
    if several := [found for found in spellings.values() if len(found) > 1]:
        found = (
            "patient column: numbers written in several ways, such as 7, 007 and 7.0: "
            f"{len(several):,}"
        )
        how = (
            "each is one patient"
            if ids == "number"
            else "taken for different patients: data.options.patient_ids=number joins them"
        )
        notes.append(f"{found}; {how}")
    return [patients[text] for text in texts], tuple(notes)


def patients_in(paths: Sequence[str], pattern: PatientPattern) -> tuple[list[str], str]:
    """Read the patients in the paths of images.

    "" stands where the pattern does not fit; a note says how many do.
    """
    find = re.compile(pattern).search
    patients = [(match[1] or "") if (match := find(path)) else "" for path in paths]
    note = (
        f"patients by {pattern} in the paths: {len({*patients} - {''}):,} in "
        f"{sum(map(bool, patients)):,} of {len(paths):,} images"
    )
    return patients, note


def as_number(text: str) -> str:
    """An id without leading zeros and decimals where it is a whole number, else as it is."""
    match = _NUMBER.fullmatch(text)
    return match[1] if match else text
