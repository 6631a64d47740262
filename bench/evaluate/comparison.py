"""Comparison of the rows of a table with one of them: by how much each differs, and how surely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.evaluate.delong import from_components
from bench.evaluate.estimate import Estimate, Interval, difference
from bench.evaluate.measures import leading
from bench.evaluate.run_scores import RunScores
from bench.evaluate.score import overall_auc
from bench.evaluate.scorer import Scorer
from bench.evaluate.testing import holm, p_value, smallest_difference
from bench.runs.predictions import Predictions
from bench.runs.run import Run

Verdict = Literal["better", "worse", "cannot tell", "n/a"]
SIGNIFICANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A row against the reference, by the figure that sorts the table.

    Attributes:
        difference: the row's figure less the reference's, on the same images and resamples.
        p: two-sided, of the true difference being zero; NaN where there is no interval.
        p_holm: corrected for all comparisons of the table (Holm).
        verdict: ``better`` or ``worse`` where the corrected p is below ``SIGNIFICANCE``, else
            ``cannot tell``; ``n/a`` where there is no p (``difference.reason``).
        smallest: the smallest true difference that this test set would have shown with a power
            of 80 %, as the largest of the table's differences: p is then multiplied by the
            number of comparisons. NaN where there is no interval.
        images: how many both were evaluated on.
        delong_p: by DeLong's test, clustered by patient (Obuchowski), as a check; None unless each
            side is one run, the task has two classes and both predict the same images.
    """

    difference: Interval
    p: float
    p_holm: float
    verdict: Verdict
    smallest: float
    images: int
    delong_p: float | None


def compare_with(
    reference: Sequence[Run], others: Mapping[str, Sequence[Run]], *, scorer: Scorer
) -> dict[str, Comparison]:
    """Compare rows with the reference and correct for their number.

    Args:
        reference: its finished runs, which differ in their seed.
        others: the finished runs of each other row, by any key.
        scorer: of all runs.

    Raises:
        InputError: stored predictions are gone or damaged.
    """
    differences = [_difference(runs, reference, scorer=scorer) for runs in others.values()]
    p = [p_value(estimate) for estimate, _, _ in differences]
    tests = sum(not math.isnan(value) for value in p)
    compared = {}
    for key, (estimate, images, delong_p), plain, corrected in zip(
        others, differences, p, holm(p), strict=True
    ):
        interval = Interval.of(estimate)
        compared[key] = Comparison(
            difference=interval,
            p=plain,
            p_holm=corrected,
            verdict=_verdict(interval, corrected),
            smallest=math.nan
            if math.isnan(plain)
            else smallest_difference(estimate, level=SIGNIFICANCE / tests),
            images=images,
            delong_p=delong_p,
        )
    return compared


def _verdict(interval: Interval, p: float) -> Verdict:
    if math.isnan(p):
        return "n/a"
    if p >= SIGNIFICANCE or interval.value == 0.0:
        return "cannot tell"
    return "better" if interval.value > 0 else "worse"


def _difference(
    runs: Sequence[Run], reference: Sequence[Run], *, scorer: Scorer
) -> tuple[Estimate, int, float | None]:
    """The difference of two rows, the number of images it is on, and DeLong's p."""
    scores = [scorer.score(run) for run in (*runs, *reference)]
    if len({run_scores.images for run_scores in scores}) > 1:
        # Imported predictions need not cover the whole test part.
        return *_on_common_images(runs, reference, scorer), None
    row, base = (
        scorer.resampling.over_seeds(
            {run.cell.seed: scorer.score(run).figures[leading(run.outputs)] for run in side}
        )
        for side in (runs, reference)
    )
    delong_p = _delong_p(*scores) if len(scores) == 2 else None
    return difference(row, base), scores[0].count, delong_p


def _on_common_images(
    runs: Sequence[Run], reference: Sequence[Run], scorer: Scorer
) -> tuple[Estimate, int]:
    """Both sides evaluated anew on the images that all of their runs predict."""
    predictions = {run.folder: run.predictions()["test"] for run in (*runs, *reference)}
    common = set.intersection(*(set(each.images) for each in predictions.values()))
    if not common:
        return _incomparable("they have no image in common", scorer), 0
    here = {folder: _only(each, common) for folder, each in predictions.items()}
    targets = here[runs[0].folder].targets
    if any(not np.array_equal(each.targets, targets) for each in here.values()):
        return _incomparable("their labels differ: run the older one again", scorer), 0
    row, base = (
        scorer.resampling.over_seeds(
            {
                run.cell.seed: overall_auc(here[run.folder], run.outputs, scorer.resampling)
                for run in side
            }
        )
        for side in (runs, reference)
    )
    return difference(row, base), len(common)


def _incomparable(reason: str, scorer: Scorer) -> Estimate:
    draws = np.full(scorer.resampling.resamples, math.nan)
    return Estimate(value=math.nan, draws=draws, bounds=(-1.0, 1.0), reason=reason)


def _only(predictions: Predictions, images: set[str]) -> Predictions:
    """The predictions for some images, in the order of their ids."""
    order = np.argsort(predictions.images)
    kept = order[[image in images for image in predictions.images[order]]]
    return Predictions(
        images=predictions.images[kept],
        patients=predictions.patients[kept],
        targets=predictions.targets[kept],
        probabilities=predictions.probabilities[kept],
    )


def _delong_p(run: RunScores, reference: RunScores) -> float | None:
    """DeLong's p of two runs on the same images; None where there is more than one AUC."""
    if run.components is None or reference.components is None:
        return None
    p = from_components([run.components, reference.components]).p_value(0, 1)
    return None if math.isnan(p) else p
