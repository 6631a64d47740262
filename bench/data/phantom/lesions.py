"""Places of the findings in a synthetic image, known from the drawing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.data.boxes import Box, Boxes
from bench.data.phantom.cohort import Visit
from bench.data.phantom.render import attenuation

SIDE = 256
"""Side in pixels of the drawings that are compared."""
SHARE = 0.5
"""Share of the strongest change from which a pixel belongs to the finding."""
GAP = 6
"""Pixels of ``SIDE``, up to which two parts of a finding lie in one box."""


def lesion_mask(visit: Visit, finding: str, *, seed: int) -> NDArray[np.bool_]:
    """Pixels that a finding changes by at least half of its strongest change, (SIDE, SIDE).

    The visit is drawn with the finding and without it, and the two attenuations are compared:
    shading, exposure and noise are in neither.
    """
    others = replace(visit, shown=tuple(name for name in visit.shown if name != finding))
    with_it, without = (attenuation(each, seed=seed, size=SIDE) for each in (visit, others))
    change = np.abs(with_it - without)
    return np.asarray(change >= max(SHARE * float(change.max()), 1e-6))


def lesion_boxes(visit: Visit, *, seed: int) -> Boxes:
    """Boxes around the parts of each finding that the image of a visit shows.

    Parts that almost touch share a box, as those of one opacity do. A finding whose drawing another
    hides altogether has none.
    """
    boxes: Boxes = {}
    for finding in visit.shown:
        mask = lesion_mask(visit, finding, seed=seed)
        parts, _ = ndimage.label(ndimage.binary_dilation(mask, iterations=GAP // 2))
        found = ndimage.find_objects(np.where(mask, parts, 0))
        boxes[finding] = tuple(
            Box(across.start / SIDE, down.start / SIDE, across.stop / SIDE, down.stop / SIDE)
            for down, across in filter(None, found)
        )
    return {finding: found for finding, found in boxes.items() if found}
