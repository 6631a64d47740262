"""The figures of a two-class task."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluate import resampled
from bench.evaluate.binary import (
    binary_metrics,
    choose_threshold,
    expected_calibration_error,
    metrics_of_calls,
)
from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.estimate import Estimate
from bench.evaluate.measures import AT_THRESHOLD, SPECIFICITIES, TWO_CLASSES
from bench.evaluate.operating import sensitivity_at_specificity
from bench.evaluate.sample import Bools, Floats, Sample
from bench.runs.predictions import Predictions

NO_VALIDATION = "there are no predictions for the validation part"
NONE = "no temperature fits the validation part best"
FITTED = "fitted on the validation part"


def two_class_figures(
    sample: Sample, validation: Predictions | None
) -> tuple[dict[str, Estimate], NDArray[np.int64]]:
    """All figures of :data:`~bench.evaluate.measures.TWO_CLASSES`, and the confusion matrix.

    Threshold and temperature are chosen on the validation part; without one, what rests on them
    is undefined.

    Args:
        sample: the test part.
        validation: the answers for the validation part; None where there are none.
    """
    positive, p = sample.targets == 1, sample.probabilities[:, 1]
    figures = _without_validation(sample, positive, p)
    if validation is None:
        nothing = sample.undefined(NO_VALIDATION)
        missing = dict.fromkeys(TWO_CLASSES.keys() - figures.keys(), nothing)
        return _in_order(figures | missing), np.zeros((2, 2), np.int64)
    threshold = choose_threshold(validation.targets, validation.probabilities[:, 1])
    figures |= _at_threshold(sample, positive, p, threshold)
    figures |= _scaled(
        sample,
        positive,
        fit_temperature(validation.targets, validation.probabilities, kind="multiclass"),
    )
    called = p >= threshold
    confusion = [[int((c & t).sum()) for c in (~called, called)] for t in (~positive, positive)]
    return _in_order(figures), np.array(confusion, np.int64)


def calls_of(
    sample: Sample, positive: Bools, called: Bools, values: dict[str, float]
) -> dict[str, Estimate]:
    """The figures of :data:`bench.evaluate.measures.AT_THRESHOLD` of images that were called.

    Args:
        sample: the images.
        positive, called: (n,).
        values: of the same figures on the images as they are.
    """
    hits = called & positive
    everything = np.ones(len(positive), bool)
    return {
        "accuracy": sample.share(values["accuracy"], of=everything, hits=called == positive),
        "recall": sample.share(values["recall"], of=positive, hits=called),
        "specificity": sample.share(values["specificity"], of=~positive, hits=~called),
        "precision": sample.share(values["precision"], of=called, hits=positive),
        "f1": sample.ratio(
            values["f1"],
            hits=2 * hits.astype(int),
            of=called.astype(int) + positive.astype(int),
        ),
    }


def _without_validation(sample: Sample, positive: Bools, p: Floats) -> dict[str, Estimate]:
    values = vars(metrics_of_calls(positive, p, called=positive, threshold=math.nan))
    figures = {
        "auc": sample.drawn.auc(positive, p),
        "average_precision": sample.average_precision(values["average_precision"], positive, p),
        "brier": _brier(sample, positive, p),
        "ece": sample.calibration_error(values["ece"], positive, p),
    }
    for specificity in SPECIFICITIES:
        figures |= _operating_point(sample, positive, p, specificity)
    return figures


def _operating_point(
    sample: Sample, positive: Bools, p: Floats, specificity: float
) -> dict[str, Estimate]:
    point = sensitivity_at_specificity(positive, p, specificity=specificity)
    sensitivity, needed = resampled.operating_point(
        positive, p, specificity=specificity, groups=sample.drawn.groups, counts=sample.drawn.counts
    )
    why_not = sample.drawn.without_two_classes(positive)
    at = f"at_{100 * specificity:.0f}"
    return {
        f"sensitivity_{at}": sample.estimate(point.sensitivity, sensitivity, why_not=why_not),
        f"needed_to_read_{at}": sample.estimate(
            point.needed_to_read, needed, why_not=why_not, bounds=(1.0, math.inf)
        ),
    }


def _at_threshold(
    sample: Sample, positive: Bools, p: Floats, threshold: float
) -> dict[str, Estimate]:
    values = vars(binary_metrics(positive, p, threshold=threshold))
    return calls_of(
        sample, positive, p >= threshold, {name: float(values[name]) for name in AT_THRESHOLD}
    )


def _scaled(sample: Sample, positive: Bools, temperature: float) -> dict[str, Estimate]:
    if math.isnan(temperature):
        return dict.fromkeys(("temperature", "brier_scaled", "ece_scaled"), sample.undefined(NONE))
    p = scaled(sample.probabilities, temperature, kind="multiclass")[:, 1]
    error = expected_calibration_error(positive, p)
    fitted = sample.undefined(FITTED)
    return {
        "temperature": replace(fitted, value=temperature, bounds=(0.0, math.inf)),
        "brier_scaled": _brier(sample, positive, p),
        "ece_scaled": sample.calibration_error(error, positive, p),
    }


def _brier(sample: Sample, positive: Bools, p: Floats) -> Estimate:
    squares = (p - positive) ** 2
    return sample.ratio(float(np.mean(squares)), hits=squares, of=np.ones(len(p)))


def _in_order(figures: dict[str, Estimate]) -> dict[str, Estimate]:
    return {name: figures[name] for name in TWO_CLASSES}
