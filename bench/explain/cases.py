"""Test images of a run with known lesions: their pixels, boxes, and the outputs to explain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.config import DataConfig
from bench.data.boxes import Box, Boxes, read_nih_boxes
from bench.data.phantom import draw_cohort
from bench.data.phantom.lesions import lesion_boxes
from bench.data.sources.phantom import PhantomOptions
from bench.errors import InputError
from bench.evaluate.heatmaps import ALL
from bench.model import ROUNDED, LoadedModel

PHANTOM = "phantom"
ANY = ALL
SAME = 1e-3
"""Largest difference of a probability, from the stored one, of an image that is still the same.

Where the run rounds otherwise it is :data:`bench.model.ROUNDED`.
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A finding of a test image."""

    row: int  # of the image among the squares
    image: str
    patient: str
    finding: str  # its name; ``ANY`` for all that the image shows together
    boxes: tuple[Box, ...]  # around it
    output: int  # number of the output whose map is to show it


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The test images with known lesions."""

    # Gray values of the images as a network sees them, uint8 (images, side, side).
    squares: NDArray[np.uint8]
    cases: tuple[Case, ...]  # their findings
    # Findings with boxes that the run does not predict, and that no map can show.
    unasked: tuple[str, ...]


def find_cases(
    model: LoadedModel,
    boxes: str | Path,
    *,
    root: Path | None,
    progress: Callable[[int, int], None],
) -> Cases:
    """The images of a run's test part that have boxes.

    The boxes are ``phantom``, for what is known of the synthetic images, or a file
    (:func:`bench.data.boxes.read_nih_boxes`). Without a root the images are where the run's
    experiment found them. The progress is called with images decoded and images in all.
    """
    config = model.data_config(root)
    test = model.run.predictions()["test"]
    wanted = set(test.images)
    known = _phantom_boxes(config, wanted) if boxes == PHANTOM else read_nih_boxes(Path(boxes))
    rows = [row for row, image in enumerate(test.images) if known.get(image)]
    if not rows:
        raise InputError(
            f"none of the {len(known):,} images with boxes is among the {len(wanted):,} test "
            f"images of run {model.name}: other boxes, or a run whose test part has some"
        )
    found = [known[test.images[row]] for row in rows]
    listed = [
        case
        for number, (row, of_image) in enumerate(zip(rows, found, strict=True))
        for case in _of_image(
            model, of_image, row=number, image=test.images[row], patient=test.patients[row]
        )
    ]
    asked = {case.finding for case in listed}
    unasked = tuple(sorted({name for of_image in found for name in of_image} - asked))
    if not listed:
        raise InputError(
            f"run {model.name} predicts none of the findings with boxes, which are "
            f"{', '.join(unasked)}: other boxes, or a run of another task"
        )
    images = [str(test.images[row]) for row in rows]
    squares = model.own_squares(images, root=root, progress=progress)
    limit = ROUNDED if model.rounds else SAME
    if np.abs(model.predict(squares) - test.probabilities[rows]).max() > limit:
        raise InputError(
            f"run {model.name} predicts other probabilities for these images than it stored: give "
            "the images that it was trained on (--data)"
        )
    return Cases(squares=squares, cases=tuple(listed), unasked=unasked)


def _phantom_boxes(config: DataConfig, wanted: Collection[str]) -> dict[str, Boxes]:
    if config.source != PHANTOM:
        raise InputError(
            f"the run's images are of {config.source}, whose lesions the phantom does not know: "
            "--boxes takes a file of boxes for them"
        )
    options = PhantomOptions.model_validate(config.options)
    visits = draw_cohort(images=options.images, seed=options.seed)
    return {
        visit.image: lesion_boxes(visit, seed=options.seed)
        for visit in visits
        if visit.image in wanted and visit.shown
    }


def _of_image(
    model: LoadedModel, boxes: Boxes, *, row: int, image: str, patient: str
) -> Iterator[Case]:
    """The cases of an image; of two classes, also one of all its findings together."""
    outputs = model.run.outputs
    together = tuple(box for of_finding in boxes.values() for box in of_finding)
    every = {**boxes, ANY: together} if outputs.binary else boxes
    for finding, of_finding in every.items():
        if outputs.binary or finding in outputs.classes:
            yield Case(
                row=row,
                image=image,
                patient=patient,
                finding=finding,
                boxes=of_finding,
                output=1 if outputs.binary else outputs.classes.index(finding),
            )
