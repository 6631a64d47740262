"""The test images that a network got most wrong."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from bench.cache import pixel_cache
from bench.data.thumbnails import thumbnails
from bench.evaluate.misclassified import Hardest, hardest
from bench.evaluate.results import Row, Table


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The surest mistakes of one run.

    Attributes:
        sources: by image id, pixels as a ``data:`` address; images without are left out.
        reason: why pixels are not shown; "" where they are.
    """

    row: Row
    seed: int
    hardest: Hardest
    sources: dict[str, str]
    reason: str


def gallery(table: Table, *, limit: int) -> Gallery | None:
    """Mistakes of the reference's first seed, or of the first network by name.

    Returns:
        None where no image is wanted, no network has finished, or the task names findings: an
        image can be wrong in many ways there.
    """
    # The row is not chosen by its figures: mistakes of the best row alone would flatter.
    row = min(
        (row for row in table.rows if row.kind == "network" and row.runs),
        key=lambda row: (not row.is_reference, row.model, row.loss, row.settings),
        default=None,
    )
    if row is None or not limit or not table.outputs.binary:
        return None
    first = row.runs[0]
    found = hardest(first, most=limit)
    images = [each.image for each in (*found.false_positives, *found.false_negatives)]
    pixels = thumbnails(first.data, images, cache=pixel_cache())
    return Gallery(
        row=row,
        seed=first.seed,
        hardest=found,
        sources={
            image: f"data:image/png;base64,{base64.b64encode(png).decode()}"
            for image, png in pixels.pngs.items()
        },
        reason=pixels.reason,
    )
