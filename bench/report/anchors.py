"""Published figures for the same question, to be shown beside a table and never in it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import bench
from bench.errors import InputError
from bench.evaluate.results import Table
from bench.report.grid import Grid

Comparable = Literal["yes", "no", "partly"]
UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A published figure.

    Attributes:
        task, source: as this harness calls them.
        split: in words, or as this harness calls it.
        method: what reached it.
        metric: as this harness calls it.
        value: in [0, 1].
        other: further figures as they were published; "" where there are none.
        images: how many it was measured on; None where that is not stated.
        comparable: with the figures of this harness on the same task and source.
        why: what speaks for and against that.
        citation: who published it.
        taken_from: where it was read.
    """

    task: str
    source: str
    split: str
    method: str
    metric: str
    value: float
    other: str
    images: int | None
    comparable: Comparable
    why: str
    citation: str
    taken_from: str


def anchors_file() -> Path:
    """``results/reference.csv`` of a checkout, or its copy in an installed wheel."""
    package = Path(bench.__file__).parent
    installed = package / "shipped_reference.csv"
    return installed if installed.is_file() else package.parent / "results" / "reference.csv"


def anchors_for(table: Table) -> list[Anchor]:
    """Those for a table's data and task, in the order of the file.

    Raises:
        InputError: the file is gone or wrong.
    """
    data = table.data
    every = read_anchors(anchors_file())
    return [one for one in every if (one.source, one.task) == (data.source, data.task)]


def read_anchors(path: Path) -> list[Anchor]:
    """All anchors of a file.

    Args:
        path: a CSV whose columns are the attributes of :class:`Anchor`.

    Raises:
        InputError: it is gone, or a line of it is wrong, which is named.
    """
    names = [field.name for field in fields(Anchor)]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            head, lines = reader.fieldnames, list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"published figures {str(path)!r} cannot be read: {error}") from None
    if head != names:
        raise InputError(f"published figures {str(path)!r}: the columns must be {', '.join(names)}")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_anchor(line))
        except ValueError as error:
            raise InputError(f"published figures {str(path)!r}, entry {number}: {error}") from None
    return found


def published(table: Table) -> Grid | None:
    """The published figures for a table; None where there are none."""
    anchors = anchors_for(table)
    if not anchors:
        return None
    body = [
        [
            one.method,
            one.split,
            f"{one.metric} {one.value:.3f}" + (f", {one.other}" if one.other else ""),
            UNKNOWN if one.images is None else f"{one.images:,}",
            f"{one.comparable}: {one.why}",
            one.citation,
            one.taken_from,
        ]
        for one in anchors
    ]
    head = ["method", "split", "figure", "test images", "comparable", "published by", "taken from"]
    return Grid(title="Published figures", head=head, body=body, left=1, words=len(head) - 1)


def sentences(table: Table) -> list[str]:
    """What the published figures are worth beside those of the table."""
    if not anchors_for(table):
        return []
    return [
        "None of these was run by this harness: no interval or p of this page knows of them, and "
        "nothing about their data, splits or choices was checked. This table's split is "
        f"{table.data.split.name}."
    ]


def _anchor(line: dict[str, str | None]) -> Anchor:
    """Raises ValueError where a field is missing or wrong."""
    given = {name: (value or "").strip() for name, value in line.items() if name is not None}
    if None in line.values() or None in line:
        raise ValueError("it has not as many fields as there are columns")
    for name, text in given.items():
        if not text and name not in ("other", "images"):
            raise ValueError(f"{name} is empty")
    value = float(given["value"])
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"value {given['value']} is not in [0, 1]")
    images = int(given["images"]) if given["images"] else None
    comparable = given["comparable"]
    if comparable not in ("yes", "no", "partly"):
        raise ValueError(f"comparable is {comparable!r}: yes, no or partly")
    rest: dict[str, Any] = {"value": value, "images": images}
    return Anchor(**(given | rest))
