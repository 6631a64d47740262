"""Every row of a table against one of them: by how much, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.predictions import Judged
from bench.runs import Run
from bench.scores import Scorer
from bench.scores.measures import leading
from bench.scores.score import overall_auc
from bench.stats import Estimate, Interval, difference, holm, p_value, smallest_difference
from bench.stats.delong import delong

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
            probability of 80 %, one comparison alone; NaN where there is no interval.
        images: how many both were judged on.
        delong_p: by DeLong's test, as a check; None unless every patient has one image and each
            side one run.
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
    plain = {key: _compare(runs, reference, scorer=scorer) for key, runs in others.items()}
    corrected = holm([one.p for one in plain.values()])
    return {
        key: replace(one, p_holm=p, verdict=_verdict(one.difference, p))
        for (key, one), p in zip(plain.items(), corrected, strict=True)
    }


def _compare(runs: Sequence[Run], reference: Sequence[Run], *, scorer: Scorer) -> Versus:
    every = [scorer.score(run) for run in (*runs, *reference)]
    same = len({one.images for one in every}) == 1
    if same:
        one, other = (_over_seeds(side, scorer) for side in (runs, reference))
        images = every[0].count
    else:
        # Imported predictions need not cover the whole test part.
        one, other, images = _on_common_images(runs, reference, scorer)
    difference_ = difference(one, other)
    interval = Interval.of(difference_)
    p = math.nan if interval.reason else p_value(difference_)
    alone = len(runs) == len(reference) == 1
    return Versus(
        difference=interval,
        p=p,
        p_holm=p,
        verdict="n/a",
        smallest=math.nan if interval.reason else smallest_difference(difference_),
        images=images,
        delong_p=_delong(runs[0], reference[0]) if alone and same and every[0].one_each else None,
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


def _on_common_images(
    runs: Sequence[Run], reference: Sequence[Run], scorer: Scorer
) -> tuple[Estimate, Estimate, int]:
    """Both sides anew, on the images that all of their runs answer."""
    judged = {run.folder: run.judged()["test"] for run in (*runs, *reference)}
    common = set.intersection(*(set(one.images) for one in judged.values()))
    if not common:
        nothing = Estimate(
            value=math.nan,
            draws=np.full(scorer.resampling.resamples, math.nan),
            bounds=(0.0, 1.0),
            reason="they have no image in common",
        )
        return nothing, nothing, 0
    one, other = (
        scorer.resampling.over_seeds(
            {
                run.cell.seed: overall_auc(
                    _only(judged[run.folder], common), run.outputs, scorer.resampling
                )
                for run in side
            }
        )
        for side in (runs, reference)
    )
    return one, other, len(common)


def _only(judged: Judged, images: set[str]) -> Judged:
    here = np.array([image in images for image in judged.images])
    return Judged(
        images=judged.images[here],
        patients=judged.patients[here],
        targets=judged.targets[here],
        probabilities=judged.probabilities[here],
    )


def _delong(run: Run, reference: Run) -> float | None:
    """DeLong's p of two runs on the same images; None where there is more than one AUC."""
    if not run.outputs.binary:
        return None
    sides = [one.judged()["test"] for one in (run, reference)]
    orders = [np.argsort(one.images) for one in sides]
    scores = [one.probabilities[order, 1] for one, order in zip(sides, orders, strict=True)]
    p = delong(sides[0].targets[orders[0]], np.stack(scores, axis=1)).p_value(0, 1)
    return None if math.isnan(p) else p
