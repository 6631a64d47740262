"""Pixels of a synthetic cohort, rendered when asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.data.phantom.cohort import Visit
from bench.data.phantom.render import GENERATOR_VERSION, render
from bench.data.study import ImageError


class PhantomReader:
    """Renders images by id; keeps none, and may be called from several threads."""

    def __init__(self, visits: Sequence[Visit], *, seed: int, size: int) -> None:
        self._visits = {visit.image: visit for visit in visits}
        self._seed = seed
        self._size = size

    def read(self, image: str) -> NDArray[np.uint8]:
        """The image's pixels, grayscale uint8, (size, size).

        Raises:
            ImageError: the cohort has no such image.
        """
        visit = self._visits.get(image)
        if visit is None:
            raise ImageError("missing", f"the phantom cohort has no image {image!r}")
        return render(visit, seed=self._seed, size=self._size)

    def stamp(self, image: str) -> str:  # noqa: ARG002 - one stamp holds for all images
        """Version of the generator, seed and size: pixels change only with one of them."""
        return f"phantom {GENERATOR_VERSION} seed {self._seed} size {self._size}"
