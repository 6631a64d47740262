"""Predictions for a list of images, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import bench
from bench.data.image_files import DEEPEST
from bench.evaluate.operating_points import SPECIFICITY
from bench.predict.decode import InspectedImage, decoded_batches
from bench.predict.images import ImageList
from bench.predict.records import (
    DataFacts,
    ImageRecord,
    PredictionReport,
    RunFacts,
    Unlike,
    Values,
)
from bench.predict.row import NetworkRow
from bench.progress import Progress
from bench.runs.checksums import WEIGHTS

_LABEL = "predicting"


def predict_images(row: NetworkRow, listed: ImageList, *, progress: Progress) -> PredictionReport:
    """Predict images; one that cannot be read is a record with its error."""
    peaks: list[int] = []
    records: list[ImageRecord] = []
    for batch in decoded_batches(row.first, listed.images):
        peaks += [image.decoded.peak for image in batch if image.decoded.peak]
        records += _predict_batch(row, batch)
        progress.advance(_LABEL, len(records), len(listed.images))
    data = row.first.data
    points, appearance = row.points, data.appearance
    called = points.called
    return PredictionReport(
        version=bench.__version__,
        model=row.first.run.cell.model,
        loss=row.first.run.cell.loss,
        runs=tuple(
            RunFacts(
                run=model.name,
                seed=model.run.cell.seed,
                weights_sha256=model.run.checksums.get(WEIGHTS, ""),
            )
            for model in row.models
        ),
        data=_data_facts(row),
        kind=data.kind,
        classes=data.classes,
        thresholds=_values(called, points.thresholds),
        specific_thresholds=_values(called, points.specific_thresholds),
        specificity=SPECIFICITY,
        temperatures=_values(
            ("all",) if data.kind == "multiclass" else called, points.temperatures
        ),
        unlike=appearance
        and Unlike(
            training_share=appearance.share,
            validation_images=appearance.validation_images,
            false_alarms=appearance.false_alarms,
            false_alarm_rate=appearance.false_alarms / appearance.validation_images
            if appearance.validation_images
            else None,
        ),
        notes=(*listed.notes, *_about_depth(peaks, data.full_scale)),
        skipped=listed.skipped,
        images=tuple(records),
    )


def _predict_batch(row: NetworkRow, batch: Sequence[InspectedImage]) -> list[ImageRecord]:
    readable = [image for image in batch if image.decoded.problem is None]
    shape = (0, row.first.image_size, row.first.image_size)
    squares = np.stack([i.decoded.pixels for i in readable]) if readable else np.empty(shape, "u1")
    seeds = row.predict(squares)
    mean = seeds.mean(axis=0)
    calibrated = row.points.calibrated(mean)
    decisions = [row.points.names(mean, specific=specific) for specific in (False, True)]
    unlike = _unlike(row, readable, squares)
    names = row.first.classes
    records = {
        id(image): ImageRecord(
            image=image.image.name,
            sha256=image.sha256,
            width=image.size and image.size[0],
            height=image.size and image.size[1],
            probabilities=_values(names, mean[n]),
            calibrated=_values(names, calibrated[n]),
            deviations=_values(names, seeds[:, n].std(axis=0, ddof=1)) if len(seeds) > 1 else None,
            seeds={
                model.run.cell.seed: _values(names, p[n])
                for model, p in zip(row.models, seeds, strict=True)
            },
            decision=decisions[0][n],
            decision_specific=decisions[1][n],
            unlike=unlike[n][0],
            because=unlike[n][1],
        )
        for n, image in enumerate(readable)
    }
    return [
        records.get(id(image))
        or ImageRecord(
            image=image.image.name,
            sha256=image.sha256,
            error=image.decoded.problem.detail if image.decoded.problem else "",
        )
        for image in batch
    ]


def _unlike(
    row: NetworkRow, images: Sequence[InspectedImage], squares: NDArray[np.uint8]
) -> list[tuple[bool | None, str]]:
    """Whether each image is unlike the training images, and in what."""
    appearance = row.first.data.appearance
    if appearance is None:
        return [(True, "colour") if image.in_colour else (None, "") for image in images]
    small = np.array([image.decoded.enlarged for image in images], dtype=bool)
    reasons = [
        ["colour"] * image.in_colour + others
        for image, others in zip(images, appearance.unlike(squares, small), strict=True)
    ]
    return [(bool(found), ", ".join(found)) for found in reasons]


def _data_facts(row: NetworkRow) -> DataFacts:
    data = row.first.data
    return DataFacts(
        source=data.source,
        root=data.root,
        task=data.task,
        question=data.question,
        image_size=row.first.image_size,
        fingerprint=data.fingerprint,
        split=data.split.name,
        split_hash=data.split.hash,
        training_images=data.parts["train"].images,
        validation_images=data.parts["validation"].images,
    )


def _values(names: Sequence[str], values: NDArray[np.float64]) -> Values:
    """Numbers by name; None for NaN."""
    return {
        name: None if math.isnan(value) else value
        for name, value in zip(names, values.tolist(), strict=True)
    }


def _about_depth(peaks: Sequence[int], full_scale: int | None) -> list[str]:
    """A note on 16-bit images that were probably taken as darker than they are."""
    if full_scale is not None or not peaks or max(peaks) > DEEPEST // 2:
        return []
    return [
        f"no pixel of the {len(peaks):,} 16-bit images is above {max(peaks):,}, and {DEEPEST:,} "
        "was taken as white, as in training: they may be too dark"
    ]
