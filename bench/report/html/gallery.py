"""The images that a network got most wrong: the ones that a reader wants to look at."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.cache import pixel_cache
from bench.data.thumbnails import thumbnails
from bench.evaluate.misclassified import HardImage, hardest
from bench.evaluate.results import Row, Table
from bench.report.words import many


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image.

    Attributes:
        image: its id.
        probability: of the second class, in words.
        src: its pixels as a ``data:`` address; "" without.
        alt: the image in words.
    """

    image: str
    probability: str
    src: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The surest mistakes of one run.

    Attributes:
        about: whose they are, and how they were chosen.
        groups: title, how many there are in all, and images of each kind of mistake.
        reason: why images or their pixels are not shown; "" where they are.
    """

    about: str
    groups: list[tuple[str, str, list[Shown]]]
    reason: str


def gallery(table: Table, *, most: int) -> Gallery | None:
    """Those of the reference's first seed, or of a network's where no network is the reference.

    Args:
        table: the comparison.
        most: images of each kind of mistake.

    Returns:
        None where none are wanted, no network has finished, or the task names findings: there an
        image can be wrong in many ways.

    Raises:
        InputError: the run's predictions are gone or damaged.
    """
    row = _chosen(table)
    if row is None or not most or not table.outputs.binary:
        return None
    run = row.runs[0]
    found = hardest(run.run, most=most)
    negative, positive = table.outputs.classes
    sides = [
        (f"{negative}, called {positive}", negative, found.false_positives),
        (f"{positive}, called {negative}", positive, found.false_negatives),
    ]
    images = [one.image for _, _, side in sides for one in side]
    small = thumbnails(run.data, images, cache=pixel_cache())
    return Gallery(
        about=(
            f"The surest mistakes of {row.name}, seed {run.cell.seed}, by its probability of "
            f"{positive}; an image is called so from {found.threshold:.3f} on. The row is "
            + ("the reference." if row is table.reference else "the first by name.")
        ),
        groups=[
            (
                title,
                many(count, "image"),
                _shown(side, positive=positive, label=label, pngs=small.pngs),
            )
            for (title, label, side), count in zip(sides, found.errors, strict=True)
        ],
        reason=found.reason or small.reason,
    )


def _chosen(table: Table) -> Row | None:
    """Not by its figures: a picture book of the best row would flatter."""
    if table.reference is not None and table.reference.kind == "network":
        return table.reference
    networks = [row for row in table.rows if row.kind == "network" and row.runs]
    return min(networks, key=lambda row: (row.model, row.loss, row.settings), default=None)


def _shown(
    side: Sequence[HardImage], *, positive: str, label: str, pngs: Mapping[str, bytes]
) -> list[Shown]:
    return [
        Shown(
            image=one.image,
            probability=f"{one.probability:.3f}",
            src=_address(pngs[one.image]) if one.image in pngs else "",
            alt=f"{one.image}: probability of {positive} {one.probability:.3f}, labelled {label}",
        )
        for one in side
    ]


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
