"""The test images that a network got most wrong."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from bench.cache import pixel_cache
from bench.data.thumbnails import thumbnails
from bench.evaluate.misclassified import hardest
from bench.evaluate.results import Row, Table


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """An image.

    Attributes:
        image: its id.
        probability: of the second class.
        src: its pixels as a ``data:`` address; "" where they are not at hand.
    """

    image: str
    probability: float
    src: str


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """Images of one class that were called the other, the surest mistake first.

    Attributes:
        label, called: the class that the images have, and the one they were called.
        count: of all such images.
        images: some of them.
    """

    label: str
    called: str
    count: int
    images: tuple[Thumbnail, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The surest mistakes of one run.

    Attributes:
        row: the row of the run.
        seed: of the run.
        threshold: images with at least this probability are called the second class.
        mistakes: of both kinds.
        reason: why images or their pixels are not shown; "" where they are.
    """

    row: Row
    seed: int
    threshold: float
    mistakes: tuple[Mistakes, ...]
    reason: str


def gallery(table: Table, *, limit: int) -> Gallery | None:
    """Mistakes of the reference's first seed, or of the first network by name.

    Args:
        table: the comparison.
        limit: most images of each kind of mistake.

    Returns:
        None where no image is wanted, no network has finished, or the task names findings: an
        image can be wrong in many ways there.

    Raises:
        InputError: the run's predictions are gone or damaged.
    """
    # The row is not chosen by its figures: mistakes of the best row alone would flatter.
    row = min(
        (row for row in table.rows if row.kind == "network" and row.runs),
        key=lambda row: (not row.is_reference, row.model, row.loss, row.settings),
        default=None,
    )
    if row is None or not limit or not table.outputs.binary:
        return None
    found = hardest(row.runs[0], most=limit)
    negative, positive = table.outputs.classes
    sides = (
        (negative, positive, found.false_positives),
        (positive, negative, found.false_negatives),
    )
    images = [each.image for _, _, side in sides for each in side]
    pixels = thumbnails(row.runs[0].data, images, cache=pixel_cache())
    return Gallery(
        row=row,
        seed=row.runs[0].seed,
        threshold=found.threshold,
        mistakes=tuple(
            Mistakes(
                label=label,
                called=called,
                count=count,
                images=tuple(
                    Thumbnail(
                        image=each.image,
                        probability=each.probability,
                        src=_address(pixels.pngs.get(each.image)),
                    )
                    for each in side
                ),
            )
            for (label, called, side), count in zip(sides, found.errors, strict=True)
        ),
        reason=found.reason or pixels.reason,
    )


def _address(png: bytes | None) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else ""
