"""From a run's predictions to all its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.binary import CALIBRATION_BINS
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration import reliability_curve
from bench.evaluate.curves import precision_recall_curve, roc_curve, thinned
from bench.evaluate.delong import placements
from bench.evaluate.estimate import Estimate
from bench.evaluate.finding_scores import findings_figures, macro
from bench.evaluate.run_scores import Curves, Placements, Points, RunScores
from bench.evaluate.sample import Bools, Floats, Sample
from bench.evaluate.two_class_scores import two_class_figures
from bench.runs.predictions import Outputs, Predictions
from bench.runs.run import Run

# Of a curve on a page: the eye sees no more of it, and a page may hold dozens.
POINTS = 200


def score_run(run: Run, resampling: Resampling) -> RunScores:
    """All figures of a run on the test part, with the resamples of its patients.

    Args:
        run: one that finished.
        resampling: shared by all runs that are to be compared.

    Raises:
        InputError: its predictions are gone or damaged.
    """
    judged = run.predictions()
    sample = Sample.of(judged["test"], resampling)
    validation = judged.get("validation")
    outputs = run.outputs
    if outputs.binary:
        figures, confusion = two_class_figures(sample, validation)
        findings, macro_over = {}, {}
        curves = _curves(outputs.classes[1:], sample.positive()[:, 1:], sample.probabilities[:, 1:])
    else:
        scores = findings_figures(sample, validation, outputs)
        figures, confusion = scores.figures, scores.confusion
        findings, macro_over = scores.findings, scores.macro_over
        curves = _curves(outputs.classes, sample.positive(), sample.probabilities)
    return RunScores(
        figures=figures,
        findings=findings,
        macro_over=macro_over,
        curves=curves,
        confusion=confusion,
        images=sample.digest,
        count=len(sample.drawn.order),
        placements=_placements(sample) if outputs.binary else None,
    )


def overall_auc(judged: Predictions, outputs: Outputs, resampling: Resampling) -> Estimate:
    """The measure that models are compared by, of some answers: AUC, or macro AUC.

    Args:
        judged: answers for some test images.
        outputs: what they are about.
        resampling: shared by all that is to be compared.
    """
    sample = Sample.of(judged, resampling)
    if outputs.binary:
        return sample.drawn.auc(sample.targets, sample.probabilities[:, 1])
    aucs = (
        sample.drawn.auc(there, p)
        for there, p in zip(sample.positive().T, sample.probabilities.T, strict=True)
    )
    return macro(sample, list(aucs))


def _placements(sample: Sample) -> Placements:
    positive = sample.targets == 1
    return Placements(
        values=placements(positive, sample.probabilities[:, 1]),
        positive=positive,
        groups=sample.drawn.groups,
    )


def _curves(names: Sequence[str], positive: Bools, p: Floats) -> dict[str, Curves]:
    """Of each output (a column) that some image has and some image lacks."""
    return {
        name: _curves_of(there, of_it)
        for name, there, of_it in zip(names, positive.T, p.T, strict=True)
        if there.any() and not there.all()
    }


def _curves_of(positive: Bools, p: Floats) -> Curves:
    roc = roc_curve(positive, p)
    pr = precision_recall_curve(positive, p)
    reliability = reliability_curve(positive, p, bins=CALIBRATION_BINS)
    return Curves(
        roc=_columns(*thinned(roc.false_positive_rate, roc.sensitivity, points=POINTS)),
        precision_recall=_columns(*thinned(pr.recall, pr.precision, points=POINTS)),
        reliability=_columns(
            reliability.mean_probability, reliability.share_positive, reliability.images
        ),
    )


def _columns(*columns: NDArray[Any]) -> Points:
    return np.stack(columns, axis=1).astype(np.float64)
