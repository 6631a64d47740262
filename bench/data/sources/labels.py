"""The columns of label files: labels, and ages."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.sources.words import about_spellings, fold, is_list, parts, unify
from bench.data.study import SEPARATOR, Problem, ProblemKind
from bench.registry.core import near_matches
from bench.text import first_names

FINDINGS_NAMED = 20  # in the note on the labels
NAMES_NOTED = 5  # in a note on findings

SeveralRows = Literal["agree", "union"]
"""Whether rows of one image must have the same findings, or have theirs joined."""

JOINABLE = "data.options.several_rows=union joins their findings"
"""In the detail of an image whose rows differ in their findings alone."""

OLDEST = 120.0  # years; ChestX-ray14's first label file has ages such as 411

_AGE = re.compile(r"(\d+(?:[.,]\d+)?)([YMWD]?)", re.IGNORECASE)
_UNITS_PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


@dataclass(frozen=True, kw_only=True)
class LabelColumn:
    """A column of labels, understood."""

    # Each row's finding names, sorted; () is normal, or a row that is not usable.
    findings: list[tuple[str, ...]]
    names: tuple[str, ...]  # the findings that may occur
    # Which rows can be used, (rows,) bool: one for each image without a problem that the options do
    # not leave out.
    usable: NDArray[np.bool_]
    problems: tuple[Problem, ...]  # one for each image that has one
    # Facts for the head of every report, among them how many images are left out.
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Label:
    """The label of one row."""

    findings: tuple[str, ...] = ()  # sorted; () is normal, or one of the following
    problem: ProblemKind | None = None  # the kind of problem; None where there is none
    detail: str = ""  # one clause on the problem
    left_out: str = ""  # why the options leave the image out


ReadLabels = tuple[list[Label], tuple[str, ...], tuple[str, ...]]
"""Each row's label, the findings that may occur, and notes on how the labels were read."""


def parse_labels(
    texts: Sequence[str],
    *,
    separator: str,
    normal: Collection[str],
    known: Sequence[str] | None,
    unlabelled: Collection[str] = (),
) -> ReadLabels:
    """Read a label column, with texts such as ``"Mass|Nodule"``.

    Args:
        texts: each row's label.
        separator: between two findings.
        normal: texts that mean a normal image, folded (:func:`~bench.data.sources.words.fold`).
        known: the finding names that may occur; None admits any. Names that differ in case,
            underscores or blanks alone are one.
        unlabelled: texts that stand for a label that nobody knows, folded.
    """
    counts: Counter[str] = Counter()
    for text, count in Counter(texts).items():
        for name in parts(text, separator):
            if fold(name) not in {*normal, *unlabelled}:
                counts[name] += count
    spellings = unify(counts, known=known or ())

    def parse(text: str) -> Label:
        names = parts(text, separator)
        if not names:
            return Label(problem="unlabelled", detail="the label is empty")
        if any(fold(name) in unlabelled for name in names):
            says = "says nothing" if len(names) == 1 else "leaves something open"
            return Label(problem="unlabelled", detail=f"label {text!r} {says}")
        findings = sorted({spellings[name] for name in names if name in spellings})
        if findings and any(fold(name) in normal for name in names):
            detail = f"label {text!r} is normal and abnormal at once"
            return Label(problem="unknown finding", detail=detail)
        for name in findings:
            if known is not None and name not in known:
                detail = f"label {name!r} is unknown: {near_matches(name, list(known))}"
                return Label(problem="unknown finding", detail=detail)
        return Label(findings=tuple(findings))

    labels = {text: parse(text) for text in set(texts)}
    occurring = {name for label in labels.values() for name in label.findings}
    notes = list(about_spellings(spellings, of="findings"))
    if lists := sum(map(is_list, texts)):
        notes.insert(0, f"labels read as lists of names, such as ['a', 'b']: {lists:,}")
    if known is None:
        notes += _about_separators(spellings, separator)
    names = tuple(sorted(occurring) if known is None else known)
    return [labels[text] for text in texts], names, tuple(notes)


def join_rows(
    images: Sequence[str],
    labels: Sequence[Label],
    *,
    names: tuple[str, ...],
    beside: Mapping[str, Sequence[str]],
    several_rows: SeveralRows | None,
    notes: tuple[str, ...],
) -> LabelColumn:
    """Make one label of the rows of each image.

    The first of several rows that say the same of an image stands for all of them. An image
    whose rows differ is left out altogether: nobody can tell which of them is right. ``beside`` is
    what else they must agree in, by the column's name; ``several_rows`` is None where the user has
    no such choice, of which the problems' details then say nothing.
    """
    joined: Mapping[str, bool] = {}
    if several_rows == "union":
        labels, joined = _join_findings(images, labels)
    problem_of = {
        image: Problem(kind=label.problem, image=image, detail=label.detail)
        for image, label in zip(images, labels, strict=True)
        if label.problem is not None
    }
    labels_said = [
        f"{label.problem}, {label.left_out}: {SEPARATOR.join(label.findings)}" for label in labels
    ]
    hint = f": {JOINABLE}" if several_rows == "agree" else ""
    contradictory = _contradictory(images, {"label": labels_said, **beside}, hint=hint)
    contradicting = {problem.image for problem in contradictory}
    problem_of |= {problem.image: problem for problem in contradictory}
    rows = pd.Series(images, dtype=object)
    wrong = rows.isin(problem_of)
    repeats = rows.duplicated() & ~rows.isin(contradicting)
    reasons = pd.Series([label.left_out for label in labels], dtype=object)
    left_out = (reasons != "") & ~wrong
    said = []
    if count := int((repeats & ~rows.isin(joined)).sum()):
        repeat = "1 row repeats" if count == 1 else f"{count:,} rows repeat"
        said.append(f"{repeat} what an earlier row says of the same image")
    if joined:
        said.append(
            f"rows whose different findings were joined: {rows.isin(joined).sum():,}, of "
            f"{len(joined):,} images; a row of {sum(joined.values()):,} of these says normal"
        )
    said += notes
    if counts := sorted(Counter(reasons[left_out & ~repeats]).items()):
        listed = ", ".join(f"{count:,} {reason}" for reason, count in counts)
        said.append(f"images left out: {listed}")
    return LabelColumn(
        findings=[label.findings for label in labels],
        names=names,
        usable=(~(wrong | repeats | left_out)).to_numpy(dtype=np.bool_),
        problems=tuple(problem_of.values()),
        notes=tuple(said),
    )


def _join_findings(
    images: Sequence[str], labels: Sequence[Label]
) -> tuple[list[Label], dict[str, bool]]:
    """The labels with the findings of all rows of their images.

    With them comes, for the images whose rows have different ones, whether a row is normal.
    """
    usable = [label.problem is None and not label.left_out for label in labels]
    sets: dict[str, set[tuple[str, ...]]] = {}
    for image, label, flag in zip(images, labels, usable, strict=True):
        if flag:
            sets.setdefault(image, set()).add(label.findings)
    several = {image: found for image, found in sets.items() if len(found) > 1}
    unions = {image: tuple(sorted({*chain(*found)})) for image, found in several.items()}
    joined = [
        replace(label, findings=unions[image]) if flag and image in unions else label
        for image, label, flag in zip(images, labels, usable, strict=True)
    ]
    return joined, {image: () in found for image, found in several.items()}


def _contradictory(
    images: Sequence[str], columns: Mapping[str, Sequence[str]], *, hint: str
) -> tuple[Problem, ...]:
    """The images whose rows differ in a column; the hint goes with those that differ in labels."""
    rows = Counter(images)
    return tuple(
        Problem(
            kind="contradictory",
            image=image,
            detail=f"listed in {rows[image]} rows that differ in {' and '.join(names)}"
            + (hint if names == ("label",) else ""),
        )
        for image, names in differing(images, columns).items()
    )


def differing(
    images: Sequence[str], columns: Mapping[str, Sequence[object]]
) -> dict[str, tuple[str, ...]]:
    """The images whose rows differ, with the names of the columns in which they do."""
    table = pd.DataFrame({"image": images, **columns}, dtype=object)
    table = table[table["image"].duplicated(keep=False)]
    differ = table.groupby("image", sort=False).nunique(dropna=False) > 1
    found = zip(differ.index, differ.to_numpy(), strict=True)
    return {image: tuple(compress(differ.columns, flags)) for image, flags in found if flags.any()}


def _about_separators(names: Collection[str], separator: str) -> tuple[str, ...]:
    """A note on findings that look like several ones."""
    notes = []
    for mark in {",", ";"} - {separator}:
        if doubtful := sorted(name for name in names if mark in name):
            notes.append(
                f"findings that hold {mark!r} and were each taken for one: "
                f"{first_names([*map(repr, doubtful)], NAMES_NOTED)}; if they are several: "
                f"--set 'data.options.label_separator={mark}'"
            )
    return tuple(sorted(notes))


def about_labels(findings: pd.Series) -> str:
    """A note on the labels taken for normal and for findings: a misspelt "normal" is a finding."""
    normal = int((findings.map(len) == 0).sum())
    counts = Counter(name for names in findings for name in names)
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    named = first_names([f"{name} ({counts[name]:,})" for name in ordered], FINDINGS_NAMED)
    return f"labels read: normal {normal:,}; " + (f"findings: {named}" if named else "no findings")


def parse_ages(texts: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Read an age column: years ("58", "58.5", "58,5"), or DICOM's age strings ("058Y", "006M").

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
            f"{impossible.sum():,} ages are over {OLDEST:.0f} years and were taken as unknown"
        )
    if garbled.any():
        notes.append(f"{garbled.sum():,} ages are not numbers and were taken as unknown")
    return ages, tuple(notes)


def _age(text: str) -> float:
    match = _AGE.fullmatch(text.strip())
    return (
        float(match[1].replace(",", ".")) / _UNITS_PER_YEAR[match[2].upper()] if match else math.nan
    )
