"""The mean prediction of several runs of one row, which differ in their seeds alone, as a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from bench.evaluate.auc import difference, mean_of
from bench.evaluate.estimate import Interval
from bench.runs.predictions import Predictions
from bench.runs.run import Run

if TYPE_CHECKING:
    from bench.evaluate.results import Row
    from bench.evaluate.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """The mean prediction of the seeds of a row: one predictor, and no sample of trainings.

    Its intervals are for other patients alone. It has no verdict, and p of no row is corrected
    for it.

    Attributes:
        auc: the leading figure, AUC or macro AUC.
        gain: this less the mean of the seeds' own figures, on the same images.
        difference: this less that of the reference's ensemble; None for that itself, and where the
            reference has fewer than two seeds.
    """

    model: str
    loss: str
    weights: str
    settings: str
    label: str
    seeds: tuple[int, ...]
    auc: Interval
    gain: Interval
    difference: Interval | None = None


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
                f"runs {runs[0].name} and {run.name} predict other images or "
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


def ensembles(rows: Sequence[Row], *, scorer: Scorer) -> tuple[Ensemble, ...]:
    """The ensemble of each network that has two or more finished seeds."""
    several = [row for row in rows if row.kind == "network" and len(row.runs) > 1]
    aucs = [scorer.auc_of_mean(row.runs) for row in several]
    reference = next(
        (auc for row, auc in zip(several, aucs, strict=True) if row.is_reference), None
    )
    return tuple(
        Ensemble(
            model=row.model,
            loss=row.loss,
            weights=row.weights,
            settings=row.settings,
            label=row.label,
            seeds=row.seeds,
            auc=auc.interval(),
            gain=difference(auc, mean_of([scorer.leading(run).auc for run in row.runs])).interval(),
            difference=None
            if reference is None or row.is_reference
            else difference(auc, reference).interval(),
        )
        for row, auc in zip(several, aucs, strict=True)
    )
