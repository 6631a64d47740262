"""Counts of the parts, for the page."""

from __future__ import annotations

from bench.data.description import PartRecord
from bench.evaluate.results import Table
from bench.report.grid import Grid


def counts(table: Table) -> Grid:
    """Images, patients and images a class of each part."""
    parts = table.data.parts
    return _counts_of_two(parts) if table.outputs.binary else _counts_of_findings(parts)


def _counts_of_two(parts: dict[str, PartRecord]) -> Grid:
    """A row for each part; the prevalence is that of the second class."""
    classes = list(next(iter(parts.values())).classes)
    body = []
    for name, part in parts.items():
        by_class = [part.classes[c] for c in classes]
        share = 100 * by_class[-1] / part.images
        images = f"{part.images:,}"
        body.append([name, images, _patients(part), *(f"{n:,}" for n in by_class), f"{share:.1f}"])
    return Grid(
        head=["part", "images", "patients", *classes, f"{classes[-1]} %"], body=body, left=1
    )


def _counts_of_findings(parts: dict[str, PartRecord]) -> Grid:
    """A column for each part: fourteen findings would be too wide. Each count with its share."""
    body = [
        ["images", *(f"{part.images:,}" for part in parts.values())],
        ["patients", *(_patients(part) for part in parts.values())],
    ]
    for name in next(iter(parts.values())).classes:
        images = [(part.classes[name], part.images) for part in parts.values()]
        body.append([name, *(f"{n:,} ({100 * n / total:.1f} %)" for n, total in images)])
    return Grid(head=["", *parts], body=body, left=1)


def _patients(part: PartRecord) -> str:
    return "unknown" if part.patients is None else f"{part.patients:,}"
