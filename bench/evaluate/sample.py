"""Estimates on one run's test images, with their patients drawn."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate import resampled
from bench.evaluate.bootstrap import Drawn, Resampling
from bench.evaluate.estimate import Estimate
from bench.runs.predictions import Predictions

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Test images in the order of their ids, and the resamples of their patients.

    Attributes:
        resampling: shared by all runs that are to be compared.
        drawn: the resamples.
        targets: int64 (n,) class indices, or float64 (n, outputs) of 0 and 1 for labels.
        probabilities: (n, outputs).
        digest: of ids, patients and targets: equal for the same images with the same labels.
        called: bool (n, outputs), the findings that a cascade names; None elsewhere.
    """

    resampling: Resampling
    drawn: Drawn
    targets: NDArray[Any]
    probabilities: Floats
    digest: str
    called: Bools | None = None

    @classmethod
    def of(cls, judged: Predictions, resampling: Resampling) -> Sample:
        """The sample of a run's answers."""
        drawn = resampling.draw(images=judged.images, patients=judged.patients)
        order = drawn.order
        lines = zip(judged.images[order], judged.patients[order], strict=True)
        hasher = hashlib.sha256("".join(f"{i}\t{patient}\n" for i, patient in lines).encode())
        hasher.update(np.ascontiguousarray(judged.targets[order], np.float64).data)
        return cls(
            resampling=resampling,
            drawn=drawn,
            targets=judged.targets[order],
            probabilities=judged.probabilities[order],
            digest=hasher.hexdigest(),
            called=None if judged.called is None else judged.called[order],
        )

    def positive(self) -> Bools:
        """Which images have which output, (n, outputs)."""
        if self.targets.ndim == 2:
            return self.targets > 0
        classes = np.arange(self.probabilities.shape[1])
        return np.asarray(self.targets[:, None] == classes)

    def pooled(self) -> Sample:
        """All pairs of an image and an output, image by image; an image's are drawn together."""
        outputs = self.probabilities.shape[1]
        drawn = Drawn(
            order=np.arange(self.probabilities.size),
            groups=np.repeat(self.drawn.groups, outputs),
            counts=self.drawn.counts,
        )
        return replace(
            self,
            drawn=drawn,
            targets=self.targets.ravel(),
            probabilities=self.probabilities.ravel(),
        )

    def share(self, value: float, *, of: Bools, hits: Bools) -> Estimate:
        """A share of images: of those in ``of``, those that are also in ``hits``."""
        return self.ratio(value, hits=of & hits, of=of)

    def ratio(
        self, value: float, *, hits: NDArray[np.generic], of: NDArray[np.generic]
    ) -> Estimate:
        """A sum over the images divided by another that is no smaller: (n,) each."""
        both = np.stack([hits, of], axis=1).astype(np.float64)
        drawn = resampled.sums(both, groups=self.drawn.groups, counts=self.drawn.counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = np.where(drawn[:, 1] > 0, drawn[:, 0] / drawn[:, 1], math.nan)
        return self.estimate(value, draws, why_not=self.of_few(of != 0))

    def estimate(
        self,
        value: float,
        draws: Floats,
        *,
        why_not: str,
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> Estimate:
        """An estimate; without an interval where ``why_not`` says why, or where undefined."""
        undefined = "undefined on these images" if math.isnan(value) else ""
        return Estimate(
            value=value,
            draws=draws,
            bounds=bounds,
            reason=why_not or undefined,
            freedom=max(1, len(self.drawn.counts) - 1),
        )

    def undefined(self, reason: str) -> Estimate:
        """What there is no figure of."""
        draws = np.full(self.resampling.resamples, math.nan)
        return Estimate(value=math.nan, draws=draws, bounds=(0.0, 1.0), reason=reason)

    def average_precision(self, value: float, positive: Bools, scores: Floats) -> Estimate:
        """The average precision with ``value`` on the images as they are."""
        draws = resampled.average_precision(
            positive, scores, groups=self.drawn.groups, counts=self.drawn.counts
        )
        return self.estimate(value, draws, why_not=self.drawn.without_two_classes(positive))

    def calibration_error(self, value: float, positive: Bools, scores: Floats) -> Estimate:
        """The expected calibration error with ``value`` on the images as they are.

        An image that is drawn twice makes a bin look worse calibrated than it is, so that the
        draws lie above the value: that excess is taken from them, and they say how much the
        value spreads. The value itself is too high in a small set, for a like reason.
        """
        draws = resampled.calibration_error(
            positive, scores, groups=self.drawn.groups, counts=self.drawn.counts
        )
        excess: float = draws.mean() - value
        every = np.ones(len(positive), bool)
        return self.estimate(value, draws - excess, why_not=self.of_few(every))

    def of_few(self, counted: Bools) -> str:
        """Why a figure over some images has no interval: one patient would never vary."""
        patients = self._patients(counted)
        if patients == 0:
            return "no image counts"
        return "the images that count are all of one patient" if patients == 1 else ""

    def _patients(self, images: Bools) -> int:
        return len(np.unique(self.drawn.groups[images]))
