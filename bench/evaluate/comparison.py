"""Every row of a table against one of them: by how much, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.evaluate.delong import of_placements
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
class Versus:
    """A row against the reference, on the measure that sorts the table.

    Attributes:
        difference: the row's less the reference's, on the same images and resamples.
        p: two-sided, that the true difference is zero; NaN where there is no interval.
        p_holm: corrected over all comparisons of the table (Holm).
        verdict: ``better`` or ``worse`` where the corrected p is below 0.05, else ``cannot
            tell``; ``n/a`` where nothing can be said (``difference.reason``).
        smallest: the smallest true difference that this test set would have shown with a
            probability of 80 %, as the largest of the table's differences: p is then multiplied
            by the number of comparisons. NaN where there is no interval.
        images: how many both were judged on.
        delong_p: by DeLong's test, clustered by patient (Obuchowski), as a check; None unless each
            side is one run, the task has two classes and both answer the same images.
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
) -> dict[str, Versus]:
    """Compare rows with the reference and correct for their number.

    Args:
        reference: its finished runs, which differ in their seed.
        others: the finished runs of each other row, by any key.
        scorer: of all runs.

    Raises:
        InputError: stored predictions are gone or damaged.
    """
    found = {key: _compare(runs, reference, scorer=scorer) for key, runs in others.items()}
    plain = [_p(one.difference) for one in found.values()]
    tests = sum(not math.isnan(p) for p in plain)
    return {
        key: _versus(one, p=p, p_holm=corrected, tests=tests)
        for (key, one), p, corrected in zip(found.items(), plain, holm(plain), strict=True)
    }


@dataclass(frozen=True, kw_only=True)
class _Compared:
    difference: Estimate
    images: int
    delong_p: float | None = None


def _compare(runs: Sequence[Run], reference: Sequence[Run], *, scorer: Scorer) -> _Compared:
    every = [scorer.score(run) for run in (*runs, *reference)]
    if len({one.images for one in every}) > 1:
        # Imported predictions need not cover the whole test part.
        return _on_common_images(runs, reference, scorer)
    one, other = (_over_seeds(side, scorer) for side in (runs, reference))
    return _Compared(
        difference=difference(one, other),
        images=every[0].count,
        delong_p=_delong(*every) if len(every) == 2 else None,
    )


def _p(difference_: Estimate) -> float:
    return math.nan if Interval.of(difference_).reason else p_value(difference_)


def _versus(compared: _Compared, *, p: float, p_holm: float, tests: int) -> Versus:
    interval = Interval.of(compared.difference)
    unknown = math.isnan(p)
    return Versus(
        difference=interval,
        p=p,
        p_holm=p_holm,
        verdict=_verdict(interval, p_holm),
        smallest=math.nan
        if unknown
        else smallest_difference(compared.difference, level=SIGNIFICANCE / tests),
        images=compared.images,
        delong_p=compared.delong_p,
    )


def _verdict(difference_: Interval, p: float) -> Verdict:
    if math.isnan(p):
        return "n/a"
    if p >= SIGNIFICANCE or difference_.value == 0.0:
        return "cannot tell"
    return "better" if difference_.value > 0 else "worse"


def _over_seeds(runs: Sequence[Run], scorer: Scorer) -> Estimate:
    name = leading(runs[0].outputs)
    by_seed = {run.cell.seed: scorer.score(run).figures[name] for run in runs}
    return scorer.resampling.over_seeds(by_seed)


def _on_common_images(runs: Sequence[Run], reference: Sequence[Run], scorer: Scorer) -> _Compared:
    """Both sides anew, on the images that all of their runs answer."""
    judged = {run.folder: run.predictions()["test"] for run in (*runs, *reference)}
    common = set.intersection(*(set(one.images) for one in judged.values()))
    if not common:
        return _nothing("they have no image in common", scorer)
    alike = {folder: _only(one, common) for folder, one in judged.items()}
    first = alike[runs[0].folder]
    if any(not np.array_equal(one.targets, first.targets) for one in alike.values()):
        return _nothing("they were judged by other labels: make the older one anew", scorer)
    one, other = (
        scorer.resampling.over_seeds(
            {
                run.cell.seed: overall_auc(alike[run.folder], run.outputs, scorer.resampling)
                for run in side
            }
        )
        for side in (runs, reference)
    )
    return _Compared(difference=difference(one, other), images=len(common))


def _nothing(reason: str, scorer: Scorer) -> _Compared:
    draws = np.full(scorer.resampling.resamples, math.nan)
    unknown = Estimate(value=math.nan, draws=draws, bounds=(-1.0, 1.0), reason=reason)
    return _Compared(difference=unknown, images=0)


def _only(judged: Predictions, images: set[str]) -> Predictions:
    """The answers for some images, in the order of their ids."""
    order = np.argsort(judged.images)
    here = order[[image in images for image in judged.images[order]]]
    return Predictions(
        images=judged.images[here],
        patients=judged.patients[here],
        targets=judged.targets[here],
        probabilities=judged.probabilities[here],
    )


def _delong(run: RunScores, reference: RunScores) -> float | None:
    """DeLong's p of two runs on the same images; None where there is more than one AUC."""
    if run.placements is None or reference.placements is None:
        return None
    values = np.stack([run.placements.values, reference.placements.values], axis=1)
    p = of_placements(values, run.placements.positive, run.placements.groups).p_value(0, 1)
    return None if math.isnan(p) else p
