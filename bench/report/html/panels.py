"""The smaller tables of a section: key facts of the data, and what was called what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.results import Row, Table
from bench.report.html.sheet import Cell, Head, Sheet
from bench.report.words import coverage, many

CALLS = ("true negatives", "false positives", "false negatives", "true positives")


def key_facts(table: Table) -> list[tuple[str, str, str]]:
    """Name, value and mark of what a reader asks first of the data; the mark warns of a leak."""
    data, test = table.data, table.data.parts["test"]
    facts = [
        ("test images", f"{test.images:,}", ""),
        ("test patients", _number(test.patients), ""),
    ]
    if table.outputs.binary:
        share = 100 * test.classes[table.outputs.classes[1]] / test.images
        facts.append((f"{table.outputs.classes[1]} among them", f"{share:.1f} %", ""))
    for pair in data.leakage:
        if pair.later == "test" and pair.earlier.startswith("train"):
            facts += [
                (f"patients of {pair.earlier} in test", *_leak(pair.shared_patients)),
                (f"images of {pair.earlier} in test", *_leak(pair.identical_images)),
            ]
    facts += [
        ("data fingerprint", data.fingerprint[:16], "code"),
        ("split fingerprint", data.split.hash[:16], "code"),
    ]
    return facts


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _leak(count: int | None) -> tuple[str, str]:
    return _number(count), "" if count == 0 else "warn"


def confusions(table: Table) -> list[Sheet]:
    """What images of each kind were called: one table, or one for each row of several classes."""
    rows = [row for row in table.rows if any(one.confusion.any() for one in row.scores)]
    if not rows:
        return []
    if not table.outputs.binary:
        return [_of_findings(table, row) for row in rows]
    body = []
    for row in rows:
        mean = _mean(row)
        name = Cell(text=row.name + coverage(row.answered), key=row.name)
        body.append([name, *(_images(value) for value in mean.ravel())])
    return [
        Sheet(
            caption="Test images by what they are and were called, mean over the seeds",
            head=[Head(text="row", number=False), *(Head(text=text) for text in CALLS)],
            body=body,
        )
    ]


def _of_findings(table: Table, row: Row) -> Sheet:
    classes = table.outputs.classes
    labels = table.outputs.kind == "multilabel"
    columns = CALLS if labels else tuple(f"called {name}" for name in classes)
    of = many(len(row.seeds), "seed") if row.kind == "network" else row.kind
    name = row.name + coverage(row.answered)
    return Sheet(
        caption=f"{name} ({of}): test images of each finding (rows) by what they were called",
        head=[Head(text="finding", number=False), *(Head(text=text) for text in columns)],
        body=[
            [Cell(text=name, key=name), *(_images(value) for value in values)]
            for name, values in zip(classes, _mean(row), strict=True)
        ],
    )


def _mean(row: Row) -> NDArray[Any]:
    return np.asarray(np.mean([one.confusion for one in row.scores], axis=0))


def _images(value: float) -> Cell:
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    return Cell(text=text, key=repr(float(value)))
