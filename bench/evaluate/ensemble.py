"""The mean prediction of several runs of one row, which differ in their seeds alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.errors import InputError
from bench.runs.predictions import Predictions
from bench.runs.run import Run


def mean_predictions(runs: Sequence[Run]) -> dict[str, Predictions]:
    """The mean probabilities of some runs for the images that they predict, by part.

    Args:
        runs: finished, at least one, of one data set, task and split.

    Raises:
        InputError: they are of other images, labels or classes, or predictions are damaged.
    """
    first, *others = (run.predictions() for run in runs)
    for run, predictions in zip(runs[1:], others, strict=True):
        same = run.outputs == runs[0].outputs and predictions.keys() == first.keys()
        if not same or not all(_same_images(first[part], predictions[part]) for part in first):
            raise InputError(
                f"runs {runs[0].folder.name} and {run.folder.name} predict other images or "
                "classes: an ensemble is of runs that differ in their seeds alone"
            )
    return {
        part: replace(
            first[part],
            probabilities=np.mean(
                [predictions[part].probabilities for predictions in (first, *others)], axis=0
            ),
        )
        for part in first
    }


def _same_images(first: Predictions, second: Predictions) -> bool:
    return (
        np.array_equal(first.images, second.images)
        and np.array_equal(first.patients, second.patients)
        and np.array_equal(first.targets, second.targets)
    )
