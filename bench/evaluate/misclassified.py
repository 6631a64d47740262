"""The images that a network is most wrong about, while it is sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.evaluate.thresholds import choose_threshold
from bench.runs.run import Run


class HardImage(NamedTuple):
    """A test image that is called wrongly, and the network's probability of the second class."""

    image: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Hardest:
    """The surest mistakes of a run, the surest first.

    Attributes:
        false_positives: images of the first class with the highest probabilities.
        false_negatives: images of the second class with the lowest.
        errors: how many of each there are in all.
        threshold: an image is called positive where its probability is >= threshold; chosen on
            the validation part.
    """

    false_positives: tuple[HardImage, ...]
    false_negatives: tuple[HardImage, ...]
    errors: tuple[int, int]
    threshold: float


def hardest(run: Run, *, most: int) -> Hardest:
    """The test images that a network of a two-class task is most wrong about.

    Of equal probabilities the image whose id sorts first is taken.
    """
    predictions = run.predictions()
    validation, test = predictions["validation"], predictions["test"]
    threshold = choose_threshold(validation.targets, validation.probabilities[:, 1])
    p, positive = test.probabilities[:, 1], test.targets == 1
    images = [HardImage(*pair) for pair in zip(test.images, p.tolist(), strict=True)]
    high = [images[row] for row in np.flatnonzero(~positive & (p >= threshold))]
    low = [images[row] for row in np.flatnonzero(positive & (p < threshold))]
    high.sort(key=lambda image: (-image.probability, image.image))
    low.sort(key=lambda image: (image.probability, image.image))
    return Hardest(
        false_positives=tuple(high[:most]),
        false_negatives=tuple(low[:most]),
        errors=(len(high), len(low)),
        threshold=threshold,
    )
