"""The columns of label files: labels, and ages."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.study import Problem, ProblemKind
from bench.errors import InputError
from bench.registry.core import near_matches

OLDEST = 120.0  # years; ChestX-ray14's first label file has ages such as 411

_AGE = re.compile(r"(\d+(?:\.\d+)?)([YMWD]?)", re.IGNORECASE)
_UNITS_PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


@dataclass(frozen=True, kw_only=True)
class LabelColumn:
    """A column of labels, understood.

    Attributes:
        findings: each row's finding names, sorted; () is normal, or a row with a problem.
        usable: which rows can be used, (rows,) bool.
        problems: one for each image that cannot.
    """

    findings: list[tuple[str, ...]]
    usable: NDArray[np.bool_]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True)
class _Label:
    findings: tuple[str, ...] = ()
    problem: ProblemKind | None = None
    detail: str = ""


def not_csv(file: Path, error: Exception) -> InputError:
    """The error, on one line, for a CSV file that could not be read."""
    reason = str(error).strip().partition("\n")[0]
    return InputError(f"{file.name} is no CSV file that can be read: {reason}")


def parse_labels(
    images: Sequence[str],
    texts: Sequence[str],
    *,
    separator: str,
    normal: Collection[str],
    known: Sequence[str] | None,
    unlabelled: Collection[str] = (),
) -> LabelColumn:
    """Read a label column.

    An image in several rows is left out altogether: nobody can tell which of them is right.

    Args:
        images: each row's image id.
        texts: each row's label, for example ``"Mass|Nodule"``.
        separator: between two findings.
        normal: texts that mean a normal image, in lower case.
        known: the finding names that may occur; None admits any.
        unlabelled: texts that stand for a label that nobody knows, in lower case.
    """
    by_text = {
        text: _parse_label(
            text, separator=separator, normal=normal, known=known, unlabelled=unlabelled
        )
        for text in set(texts)
    }
    labels = [by_text[text] for text in texts]
    repeated = pd.Series(images, dtype=object).duplicated(keep=False).to_numpy(dtype=np.bool_)
    wrong = np.array([label.problem is not None for label in labels], dtype=np.bool_)
    problems = [
        Problem(kind="duplicated", image=image, detail=f"listed in {count} rows")
        for image, count in Counter(compress(images, repeated)).items()
    ]
    problems += [
        Problem(kind=label.problem, image=image, detail=label.detail)
        for image, label in compress(zip(images, labels, strict=True), ~repeated)
        if label.problem is not None
    ]
    return LabelColumn(
        findings=[label.findings for label in labels],
        usable=~(repeated | wrong),
        problems=tuple(problems),
    )


def _parse_label(
    text: str,
    *,
    separator: str,
    normal: Collection[str],
    known: Sequence[str] | None,
    unlabelled: Collection[str],
) -> _Label:
    names = sorted({part.strip() for part in text.split(separator)} - {""})
    if not names:
        return _Label(problem="unlabelled", detail="the label is empty")
    if any(name.lower() in unlabelled for name in names):
        says = "says nothing" if len(names) == 1 else "leaves something open"
        return _Label(problem="unlabelled", detail=f"label {text!r} {says}")
    findings = [name for name in names if name.lower() not in normal]
    if findings and len(findings) < len(names):
        return _Label(
            problem="unknown finding", detail=f"label {text!r} is normal and abnormal at once"
        )
    for name in findings:
        if known is not None and name not in known:
            hint = near_matches(name, list(known))
            return _Label(problem="unknown finding", detail=f"label {name!r} is unknown: {hint}")
    return _Label(findings=tuple(findings))


def parse_ages(texts: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Read an age column.

    Args:
        texts: years (``"58"``), or DICOM's age strings (``"058Y"``, ``"006M"``, weeks, days).

    Returns:
        Years, float64, shape (rows,), NaN where empty, not understood or over 120 years, and
        a note on how many of them were not understood or impossible.
    """
    by_text = {text: _age(text) for text in set(texts)}
    ages = np.array([by_text[text] for text in texts], dtype=np.float64)
    given = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
    impossible = ages > OLDEST
    garbled = np.isnan(ages) & given
    ages[impossible] = math.nan
    notes = []
    if impossible.any():
        notes.append(
            f"{impossible.sum():,} ages in the label file are over {OLDEST:.0f} years and were "
            "taken as unknown"
        )
    if garbled.any():
        notes.append(
            f"{garbled.sum():,} ages in the label file are not numbers and were taken as unknown"
        )
    return ages, tuple(notes)


def _age(text: str) -> float:
    match = _AGE.fullmatch(text.strip())
    return float(match[1]) / _UNITS_PER_YEAR[match[2].upper()] if match else math.nan
