"""All figures of a run, from its predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.auc import Auc, macro
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.curves import Curves
from bench.evaluate.estimate import Estimate
from bench.evaluate.findings import finding_figures
from bench.evaluate.measures import AVERAGED, leading
from bench.evaluate.sample import Sample
from bench.evaluate.two_classes import two_class_figures
from bench.runs.predictions import Outputs, Predictions


@dataclass(frozen=True, kw_only=True)
class LeadingScore:
    """Figures that models are compared by.

    Attributes:
        auc: the one that sorts tables (:func:`bench.evaluate.measures.leading`).
        images: digest of the test images' ids, patients and labels: equal where two runs were
            evaluated on the same.
        validation: the same figure on the validation part; NaN where that has no predictions.
    """

    auc: Auc
    images: str
    count: int
    validation: float


@dataclass(frozen=True, kw_only=True)
class RunScores:
    """All figures of one run on the test part.

    Attributes:
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
    figures: dict[str, Estimate | Auc]
    findings: dict[str, dict[str, Estimate | Auc]]
    confusion: NDArray[np.int64]
    curves: dict[str, Curves]

    @property
    def patients(self) -> dict[str, int]:
        """:attr:`bench.evaluate.results.Row.patients`."""
        if not self.findings:
            return dict.fromkeys(self.curves, self.leading.auc.patients)
        aucs = {name: figures["auc"] for name, figures in self.findings.items()}
        return {name: auc.patients for name, auc in aucs.items() if isinstance(auc, Auc)}

    @property
    def macro_over(self) -> dict[str, int]:
        """Number of findings that each macro average is over: those where the figure is defined."""
        if not self.findings:
            return {}
        return {
            name: sum(not math.isnan(figures[name].value) for figures in self.findings.values())
            for name in AVERAGED
        }


def score_predictions(
    predictions: Mapping[str, Predictions], outputs: Outputs, resampling: Resampling
) -> RunScores:
    """All figures of some predictions on the test part."""
    sample = Sample.of(predictions["test"], resampling)
    validation = predictions.get("validation")
    positive, p = sample.positive(), sample.probabilities
    names = outputs.classes
    findings: dict[str, dict[str, Estimate | Auc]] = {}
    if outputs.binary:
        figures, confusion = two_class_figures(sample, validation)
        names, positive, p = names[1:], positive[:, 1:], p[:, 1:]
    else:
        figures, findings, confusion = finding_figures(sample, validation, outputs)
    auc = figures[leading(outputs)]
    assert isinstance(auc, Auc)
    return RunScores(
        leading=LeadingScore(
            auc=auc,
            images=sample.digest,
            count=len(p),
            validation=math.nan if validation is None else auc_of(validation, outputs).value,
        ),
        figures=figures,
        findings=findings,
        confusion=confusion,
        curves={
            name: Curves.of(present, of_output)
            for name, present, of_output in zip(names, positive.T, p.T, strict=True)
            if present.any() and not present.all()
        },
    )


def auc_of(predictions: Predictions, outputs: Outputs) -> Auc:
    """The figure that models are compared by, AUC or macro AUC; no patient is resampled."""
    sample = Sample.of(predictions, Resampling(count=0))
    if outputs.binary:
        return sample.resamples.auc(sample.targets == 1, sample.probabilities[:, 1])
    columns = zip(sample.positive().T, sample.probabilities.T, strict=True)
    return macro([sample.resamples.auc(present, p) for present, p in columns])
