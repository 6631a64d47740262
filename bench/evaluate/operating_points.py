"""Thresholds and temperatures of a run, all chosen on its validation part."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.metrics import Bools, Floats
from bench.evaluate.thresholds import choose_thresholds, threshold_at_specificity
from bench.runs.predictions import Outputs, Predictions

SPECIFICITY = 0.95
"""Share of the validation part's negatives that the specific thresholds call negative.

A choice of its own: :data:`bench.evaluate.measures.SPECIFICITIES` are those of the test part at
which a report gives the sensitivity.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatingPoints:
    """Thresholds and temperatures, which stay as they are when other images are predicted.

    Attributes:
        thresholds: float64 (called,), with the largest Youden's J.
        specific_thresholds: float64 (called,), the lowest with a specificity of
            :data:`SPECIFICITY`; NaN where there are no negatives.
        temperatures: float64, (called,); one for all classes where there are more than two. NaN
            where none fits best.
    """

    outputs: Outputs
    thresholds: Floats
    specific_thresholds: Floats
    temperatures: Floats

    @classmethod
    def choose(cls, validation: Predictions, outputs: Outputs) -> OperatingPoints:
        """Choose them on the predictions for the validation part."""
        targets, probabilities = validation.targets, validation.probabilities
        if outputs.kind == "multiclass" and not outputs.binary:
            none = np.empty(0)
            temperature = np.array([fit_temperature(targets, probabilities)])
            return cls(
                outputs=outputs, thresholds=none, specific_thresholds=none, temperatures=temperature
            )
        positive = (targets == 1).reshape(len(targets), -1)
        p = called_probabilities(probabilities, outputs)
        columns = list(zip(positive.T, p.T, strict=True))
        return cls(
            outputs=outputs,
            thresholds=choose_thresholds(positive, p),
            specific_thresholds=np.array(
                [
                    threshold_at_specificity(one, of_one, specificity=SPECIFICITY)
                    for one, of_one in columns
                ]
            ),
            temperatures=np.array(
                [fit_temperature(one, np.stack([1.0 - q, q], axis=1)) for one, q in columns]
            ),
        )

    @property
    def called(self) -> tuple[str, ...]:
        """Names of what a threshold calls: the second of two classes, each finding, or nothing."""
        if self.outputs.kind == "multilabel":
            return self.outputs.classes
        return self.outputs.classes[1:] if self.outputs.binary else ()

    def decide(self, probabilities: Floats) -> Bools:
        """The outputs that are called at the thresholds, bool (n, called)."""
        return called_probabilities(probabilities, self.outputs) >= self.thresholds

    def names(
        self, probabilities: Floats, *, specific: bool = False
    ) -> list[tuple[str, ...] | None]:
        """Names that are called of each image; None where no threshold says it.

        Args:
            specific: at the specific thresholds; without any, the most probable class is called
                at the others alone.
        """
        classes = self.outputs.classes
        thresholds = self.specific_thresholds if specific else self.thresholds
        if not specific and not len(thresholds):
            return [(classes[most],) for most in probabilities.argmax(axis=1)]
        if np.isnan(thresholds).all():
            return [None] * len(probabilities)
        called = called_probabilities(probabilities, self.outputs) >= thresholds
        if self.outputs.kind == "multilabel":
            names = np.array(self.called, dtype=object)
            return [tuple(names[row]) for row in called]
        return [(classes[int(second)],) for (second,) in called]

    def calibrated(self, probabilities: Floats) -> Floats:
        """Probabilities at the fitted temperatures; NaN where there is none."""
        if self.outputs.kind == "multiclass":
            (temperature,) = self.temperatures
            return _scaled(probabilities, temperature)
        columns = zip(probabilities.T, self.temperatures, strict=True)
        return np.stack(
            [_scaled(np.stack([1.0 - p, p], axis=1), t)[:, 1] for p, t in columns], axis=1
        )


def called_probabilities(probabilities: Floats, outputs: Outputs) -> Floats:
    """The columns of probabilities that :attr:`OperatingPoints.called` names, (n, called)."""
    if outputs.kind == "multilabel":
        return probabilities
    return probabilities[:, 1:] if outputs.binary else probabilities[:, :0]


def _scaled(probabilities: Floats, temperature: float) -> Floats:
    if math.isnan(temperature):
        return np.full_like(probabilities, math.nan)
    return scaled(probabilities, temperature)
