"""What a run's predictions for the test part amount to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.estimate import Estimate

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Of one output, thinned so that a page of many stays small.

    Attributes:
        roc: (k, 2): false positive rate and sensitivity, from (0, 0) to (1, 1).
        precision_recall: (k, 2): recall and precision, by rising recall.
        reliability: (bins, 3): mean probability, share of positives and number of images of
            equally large bins.
    """

    roc: Points
    precision_recall: Points
    reliability: Points


@dataclass(frozen=True, kw_only=True)
class Placements:
    """What DeLong's test needs of a run's test images, in the order of their ids.

    Attributes:
        values: :func:`bench.evaluate.delong.placements`, (n,).
        positive: (n,).
        groups: the patient of each image, numbered from 0, (n,).
    """

    values: Points
    positive: NDArray[np.bool_]
    groups: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RunScores:
    """All figures of one run on the test part.

    Attributes:
        figures: of the whole task by the names of :mod:`bench.evaluate.measures`, each with what
            it would have been in each resample of the patients; the one that sorts tables first.
        findings: of each finding by its name, threshold among them; empty for two classes.
        macro_over: how many findings each macro average is over; empty for two classes.
        curves: of the second of two classes, or of each output that some image has and some
            image lacks, by name.
        confusion: images called so (columns) of those that are so (rows): (2, 2) for two
            classes at the threshold, (classes, classes) for several, and for labels (labels, 4)
            with true negatives, false positives, false negatives and true positives of each.
            All zero where there is no threshold.
        images: digest of the test images' ids, patients and labels: equal where two runs were
            judged on the same.
        count: how many test images.
        placements: of two classes; None for a task that names findings.
    """

    figures: dict[str, Estimate]
    findings: dict[str, dict[str, Estimate]]
    macro_over: dict[str, int]
    curves: dict[str, Curves]
    confusion: NDArray[np.int64]
    images: str
    count: int
    placements: Placements | None
