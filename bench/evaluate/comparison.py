"""Comparison of the rows of a table with one of them: by how much each differs, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bench.evaluate.delong import from_components
from bench.evaluate.estimate import Estimate, Interval, difference
from bench.evaluate.score import LeadingScore, leading_figure
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
        smallest: the true difference that four test sets like this one out of five would show (a
            power of 80 %) with p below ``SIGNIFICANCE`` after p is multiplied by the number of
            comparisons, as Holm does with the smallest. NaN where there is no interval.
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
    reference: Sequence[Run], others: Sequence[Sequence[Run]], *, scorer: Scorer
) -> list[Comparison]:
    """Compare rows with the reference and correct for their number.

    Args:
        reference: its finished runs, which differ in their seed.
        others: the finished runs of each other row.
        scorer: of all runs.

    Returns:
        A comparison of each other row.

    Raises:
        InputError: stored predictions are gone or damaged.
    """
    differences = [_difference(runs, reference, scorer=scorer) for runs in others]
    p = [p_value(each.estimate) for each in differences]
    tests = sum(not math.isnan(value) for value in p)
    return [
        _comparison(difference, p=plain, p_holm=corrected, tests=tests)
        for difference, plain, corrected in zip(differences, p, holm(p), strict=True)
    ]


def above_control(runs: Sequence[Run], control: Sequence[Run], *, scorer: Scorer) -> bool:
    """Whether a row is shown to be above a control, on the images that both predict."""
    return _difference(runs, control, scorer=scorer).estimate.above_zero


class _Difference(NamedTuple):
    """The difference of two rows, the number of images it is on, and DeLong's p."""

    estimate: Estimate
    images: int
    delong_p: float | None = None


def _comparison(found: _Difference, *, p: float, p_holm: float, tests: int) -> Comparison:
    interval = Interval.of(found.estimate)
    verdict: Verdict = "cannot tell"
    if math.isnan(p):
        verdict = "n/a"
    elif p_holm < SIGNIFICANCE and interval.value != 0.0:
        verdict = "better" if interval.value > 0 else "worse"
    return Comparison(
        difference=interval,
        p=p,
        p_holm=p_holm,
        verdict=verdict,
        smallest=math.nan
        if math.isnan(p)
        else smallest_difference(found.estimate, level=SIGNIFICANCE / tests),
        images=found.images,
        delong_p=found.delong_p,
    )


def _difference(runs: Sequence[Run], reference: Sequence[Run], *, scorer: Scorer) -> _Difference:
    sides = [{run.cell.seed: scorer.leading(run) for run in side} for side in (runs, reference)]
    scores = [score for side in sides for score in side.values()]
    if len({score.images for score in scores}) > 1:
        # Imported predictions need not cover the whole test part.
        return _on_common_images(runs, reference, scorer)
    row, base = (
        scorer.resampling.over_seeds({seed: score.figure for seed, score in side.items()})
        for side in sides
    )
    delong_p = _delong_p(*scores) if len(scores) == 2 else None
    return _Difference(difference(row, base), scores[0].count, delong_p)


def _on_common_images(runs: Sequence[Run], reference: Sequence[Run], scorer: Scorer) -> _Difference:
    """Both sides evaluated anew on the images that all of their runs predict."""
    predictions = {run.folder: run.predictions()["test"] for run in (*runs, *reference)}
    common = set.intersection(*(set(each.images) for each in predictions.values()))
    here = {folder: _only(each, common) for folder, each in predictions.items()}
    targets = here[runs[0].folder].targets
    reason = ""
    if not common:
        reason = "they have no image in common"
    elif any(not np.array_equal(each.targets, targets) for each in here.values()):
        reason = "their labels differ: run the older one again"
    if reason:
        draws = np.full(scorer.resampling.resamples, math.nan)
        return _Difference(
            Estimate(value=math.nan, draws=draws, bounds=(-1.0, 1.0), reason=reason), 0
        )
    row, base = (
        scorer.resampling.over_seeds(
            {
                run.cell.seed: leading_figure(here[run.folder], run.outputs, scorer.resampling)
                for run in side
            }
        )
        for side in (runs, reference)
    )
    return _Difference(difference(row, base), len(common))


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


def _delong_p(row: LeadingScore, reference: LeadingScore) -> float | None:
    """DeLong's p of two runs on the same images; None where there is more than one AUC."""
    if row.components is None or reference.components is None:
        return None
    p = from_components([row.components, reference.components]).p_value(0, 1)
    return None if math.isnan(p) else p
