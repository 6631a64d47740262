"""Images that an exported network is tried on: a synthetic one, and some of the run's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.phantom import draw_cohort, render
from bench.model import LoadedModel

MOST_IMAGES = 32
"""Test images that are looked at; evenly spread over the test part."""
SAMPLE_SEED = 2019_0105
"""Seed of a cohort of its own, which no experiment of this package trains on."""
SAMPLE_SIDE, SAMPLE_CUT = 320, 40


@dataclass(frozen=True, kw_only=True)
class KnownImages:
    """Some test images of a run, with what it stored of them.

    Attributes:
        squares: uint8 (n, side, side).
        probabilities: as the run stored them, float64 (n, classes).
    """

    squares: NDArray[np.uint8]
    probabilities: NDArray[np.float64]


def sample_image() -> NDArray[np.uint8]:
    """A synthetic radiograph of no patient, uint8 (height, width), which is not square."""
    (visit,) = draw_cohort(images=1, seed=SAMPLE_SEED)
    return render(visit, seed=SAMPLE_SEED, size=SAMPLE_SIDE)[SAMPLE_CUT:]


def known_images(model: LoadedModel, *, root: Path | None) -> KnownImages:
    """Read some of a run's test images through its data source.

    Args:
        root: folder or file of the data; None is where the run's experiment found them.
    """
    test = model.run.predictions()["test"]
    count = len(test.images)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).astype(int))
    squares = model.own_squares(list(test.images[chosen]), root=root)
    return KnownImages(squares=squares, probabilities=test.probabilities[chosen])
