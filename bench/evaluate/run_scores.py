"""All figures of one run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.curves import Curves
from bench.evaluate.delong import Components
from bench.evaluate.estimate import Estimate
from bench.evaluate.measures import AVERAGED


@dataclass(frozen=True, kw_only=True)
class LeadingScore:
    """What models are compared by.

    Attributes:
        figure: the one that sorts tables (:func:`bench.evaluate.measures.leading`).
        images: digest of the test images' ids, patients and labels: equal where two runs were
            evaluated on the same.
        count: how many test images.
        components: for DeLong's test of two classes; None for a task that names findings.
    """

    figure: Estimate
    images: str
    count: int
    components: Components | None


@dataclass(frozen=True, kw_only=True)
class RunScores:
    """All figures of one run on the test part.

    Attributes:
        leading: what it is compared by.
        figures: of the whole task by the names of :mod:`bench.evaluate.measures`, the leading
            one first.
        findings: of each finding by its name, its threshold among them; empty for two classes.
        curves: of the second of two classes, or of each output that some image has and some
            image lacks, by name.
        confusion: images called so (columns) of those that are so (rows): (2, 2) for two
            classes at the threshold, (classes, classes) for several, and for labels (labels, 4)
            with true negatives, false positives, false negatives and true positives of each.
            All zero where there is no threshold.
    """

    leading: LeadingScore
    figures: dict[str, Estimate]
    findings: dict[str, dict[str, Estimate]]
    confusion: NDArray[np.int64]
    curves: dict[str, Curves]

    @property
    def macro_over(self) -> dict[str, int]:
        """Number of findings that each macro average is over: those where the figure is defined."""
        if not self.findings:
            return {}
        return {
            name: sum(not math.isnan(figures[name].value) for figures in self.findings.values())
            for name in AVERAGED
        }
