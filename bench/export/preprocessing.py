"""The steps from an image file to a decision, as a file beside an exported network."""

from __future__ import annotations

import math
from typing import Literal

import bench
from bench.config.frozen import Frozen
from bench.data.normalisation import Normalisation
from bench.export.deployed import DeployedNetwork
from bench.export.formats import INPUT, OUTPUT
from bench.model import NOTICE, LoadedModel
from bench.runs.checksums import WEIGHTS

GRAY = (
    "8-bit gray values; colours by ITU-R 601-2 luma (Pillow's convert('RGB').convert('L')), alpha "
    "dropped; 16 bits: round(value * 255 / full scale)"
)
RESIZE = (
    "squashed to a square, the width first and then the height; a side that shrinks by Pillow's "
    "BOX filter, any other by BILINEAR"
)


class Graph(Frozen):
    """Input and output of the exported file.

    Attributes:
        input: its name; gray values of squares, uint8 (images, side, side).
        output: its name; probabilities, float32 (images, classes).
        activation: ``softmax`` or ``sigmoid``, inside the graph.
    """

    input: str = INPUT
    output: str = OUTPUT
    channels: int
    normalisation: Normalisation
    activation: Literal["softmax", "sigmoid"]


class Hashes(Frozen):
    """Digests of what the network was made of.

    Attributes:
        run: name of its folder, which ends in the hash of its settings, data and split.
        data: SHA-256 over labels, pixels and image size.
        weights: SHA-256 of the run's file of weights.
    """

    run: str
    data: str
    split: str
    weights: str


class Preprocessing(Frozen):
    """Everything between an image file and a decision.

    Attributes:
        notice: for whoever shows a prediction.
        image_size: side of the square in pixels.
        full_scale: gray value of white in 16-bit images; None is 65535.
        graph: what the file does beside the network.
        kind: ``multiclass`` or ``multilabel``.
        thresholds: by class, at or above which it is called: chosen on the validation part with
            the largest Youden's J. Empty where the most probable class is called.
        thresholds_at_95_specificity: likewise, for that specificity there; None where there were
            no negatives.
        temperatures: by class: the logit of a probability, divided by it, is that of a calibrated
            one. One for all of several classes. None where none fits best.
    """

    notice: str = NOTICE
    version: str = bench.__version__
    model: str
    gray: str = GRAY
    resize: str = RESIZE
    image_size: int
    full_scale: int | None
    graph: Graph
    task: str
    kind: Literal["multiclass", "multilabel"]
    classes: tuple[str, ...]
    thresholds: dict[str, float]
    thresholds_at_95_specificity: dict[str, float | None]
    temperatures: dict[str, float | None]
    hashes: Hashes


def preprocessing(model: LoadedModel, deployed: DeployedNetwork) -> Preprocessing:
    """The steps of a run's network."""
    run, data, points = model.run, model.data, model.points
    return Preprocessing(
        model=run.cell.model,
        image_size=model.image_size,
        full_scale=data.full_scale,
        graph=Graph(
            channels=deployed.in_channels,
            normalisation=deployed.normalisation,
            activation="softmax" if data.kind == "multiclass" else "sigmoid",
        ),
        task=data.question,
        kind=data.kind,
        classes=data.classes,
        thresholds=dict(zip(points.called, map(float, points.thresholds), strict=True)),
        thresholds_at_95_specificity={
            name: _known(value)
            for name, value in zip(points.called, points.specific_thresholds, strict=True)
        },
        temperatures={
            name: _known(value)
            for name, value in zip(points.called or ("all",), points.temperatures, strict=True)
        },
        hashes=Hashes(
            run=run.name,
            data=data.fingerprint,
            split=data.split.hash,
            weights=run.checksums[WEIGHTS],
        ),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
