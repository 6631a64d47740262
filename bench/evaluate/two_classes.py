"""The figures of a two-class task."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.auc import Auc
from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.estimate import Estimate
from bench.evaluate.measures import SPECIFICITIES, TWO_CLASSES
from bench.evaluate.metrics import Bools, Floats
from bench.evaluate.resamples import Resamples
from bench.evaluate.sample import Sample
from bench.evaluate.thresholds import choose_threshold
from bench.runs.predictions import Predictions

NO_VALIDATION = "there are no predictions for the validation part"
NO_TEMPERATURE = "no temperature fits the validation part best"
FITTED = "fitted on the validation part"


def two_class_figures(
    sample: Sample, validation: Predictions | None
) -> tuple[dict[str, Estimate | Auc], NDArray[np.int64]]:
    """All figures of :data:`~bench.evaluate.measures.TWO_CLASSES`, and the confusion matrix.

    Threshold and temperature are chosen on the validation part; without one, the figures that
    rest on them are undefined.
    """
    resamples, positive, p = sample.resamples, sample.targets == 1, sample.probabilities[:, 1]
    figures: dict[str, Estimate | Auc] = {
        "auc": resamples.auc(positive, p),
        "average_precision": resamples.average_precision(positive, p),
        **resamples.calibration(positive, p),
    }
    for specificity in SPECIFICITIES:
        at = f"at_{100 * specificity:.0f}"
        figures[f"sensitivity_{at}"], figures[f"needed_to_read_{at}"] = resamples.operating_point(
            positive, p, specificity=specificity
        )
    confusion = np.zeros((2, 2), np.int64)
    if validation is None:
        missing = TWO_CLASSES.keys() - figures.keys()
        figures |= dict.fromkeys(missing, resamples.undefined(NO_VALIDATION))
    else:
        called = p >= choose_threshold(validation.targets, validation.probabilities[:, 1])
        np.add.at(confusion, (positive.astype(int), called.astype(int)), 1)
        temperature = fit_temperature(validation.targets, validation.probabilities)
        figures |= resamples.classification(positive, called)
        figures |= _rescaled(resamples, positive, sample.probabilities, temperature)
    return {name: figures[name] for name in TWO_CLASSES}, confusion


def _rescaled(
    resamples: Resamples, positive: Bools, probabilities: Floats, temperature: float
) -> dict[str, Estimate]:
    if math.isnan(temperature):
        nothing = resamples.undefined(NO_TEMPERATURE)
        return dict.fromkeys(("temperature", "brier_scaled", "ece_scaled"), nothing)
    p = scaled(probabilities, temperature)[:, 1]
    fitted = replace(resamples.undefined(FITTED), value=temperature, bounds=(0.0, math.inf))
    return {
        "temperature": fitted,
        "brier_scaled": resamples.brier(positive, p),
        "ece_scaled": resamples.calibration_error(positive, p),
    }
