"""The test images of one run, with the resamples of their patients."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.metrics import Bools, Floats
from bench.evaluate.resamples import Resamples
from bench.runs.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Predictions for test images in the order of their ids, with the resamples of their patients.

    Attributes:
        targets: int64 (n,) class indices, or float64 (n, outputs) of 0 and 1 for labels.
        probabilities: (n, outputs).
        digest: of ids, patients and targets: equal for the same images with the same labels.
        called: bool (n, outputs), the findings that a cascade names; None elsewhere.
    """

    resamples: Resamples
    targets: NDArray[Any]
    probabilities: Floats
    digest: str
    called: Bools | None = None

    @classmethod
    def of(cls, predictions: Predictions, resampling: Resampling) -> Sample:
        """The sample of a run's predictions."""
        images, patients = predictions.images, predictions.patients
        resamples = resampling.resample(images=images, patients=patients)
        order = resamples.order
        lines = zip(images[order], patients[order], strict=True)
        hasher = hashlib.sha256("".join(f"{i}\t{patient}\n" for i, patient in lines).encode())
        hasher.update(np.ascontiguousarray(predictions.targets[order], np.float64).data)
        return cls(
            resamples=resamples,
            targets=predictions.targets[order],
            probabilities=predictions.probabilities[order],
            digest=hasher.hexdigest(),
            called=None if predictions.called is None else predictions.called[order],
        )

    def positive(self) -> Bools:
        """Whether each image has each label or class, (n, outputs)."""
        if self.targets.ndim == 2:
            return self.targets > 0
        classes = np.arange(self.probabilities.shape[1])
        return np.asarray(self.targets[:, None] == classes)
