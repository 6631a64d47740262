"""Comparison of the rows of a table with one of them: by how much each differs, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bench.config.schema import MARGIN
from bench.evaluate.auc import Auc, difference, undefined
from bench.evaluate.estimate import Interval
from bench.evaluate.score import auc_of
from bench.evaluate.scorer import Scorer
from bench.evaluate.seeds import Runs, Spread, pooled
from bench.evaluate.testing import holm, p_beyond, p_value, smallest_difference
from bench.runs.predictions import Predictions
from bench.runs.run import Run

Verdict = Literal["better", "worse", "equivalent", "not worse", "differs", "cannot tell", "n/a"]
SIGNIFICANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A row against the reference, by the figure that sorts the table.

    The first verdict that holds is given:

    - ``n/a``: there is no p (``difference.reason``).
    - ``differs``: ``p_holm`` is below ``SIGNIFICANCE``, and the row or the reference is a single
      training run. The two networks differ on these images; another seed of either may differ
      from them by as much, so that a single run is neither better nor worse nor equivalent.
    - ``equivalent``: ``p_equivalent`` is below ``SIGNIFICANCE``. It comes before the next two
      since a difference below the margin counts as none, also where it is shown not to be zero.
    - ``better``, ``worse``: ``p_holm`` is below ``SIGNIFICANCE``.
    - ``not worse``: ``p_not_worse`` is below ``SIGNIFICANCE``.
    - ``cannot tell``: none of these.

    Attributes:
        difference: the row's figure less the reference's, on the same images.
        p: two-sided, of the true difference being zero; NaN where there is no interval.
        p_holm: corrected for all comparisons of the table (Holm).
        margin: largest difference that counts as none.
        p_equivalent: of the true difference being as large as the margin or larger, in either
            direction (the larger p of two one-sided tests: Liu et al., "Tests of equivalence and
            non-inferiority for diagnostic accuracy based on the paired areas under ROC curves",
            Statistics in Medicine 25, 2006), corrected for all such tests of the table (Holm);
            NaN where there is no interval, and where a side is a single training run.
        p_not_worse: of the row being worse by the margin or more; else as ``p_equivalent``.
        smallest: the true difference that four test sets like this one out of five would show (a
            power of 80 %) with p below ``SIGNIFICANCE`` after p is multiplied by the number of
            comparisons, as Holm does with the smallest. NaN where there is no interval.
    """

    difference: Interval
    p: float
    p_holm: float
    margin: float
    p_equivalent: float
    p_not_worse: float
    verdict: Verdict
    smallest: float
    images: int


def compare_with(
    reference: Sequence[Run],
    others: Sequence[Sequence[Run]],
    *,
    margin: float = MARGIN,
    scorer: Scorer,
) -> list[Comparison]:
    """Compare rows with the reference and correct for their number."""
    base, *spreads = spreads_of([reference, *others], scorer=scorer)
    found = [
        _difference(runs, reference, spreads=(spread, base), scorer=scorer)
        for runs, spread in zip(others, spreads, strict=True)
    ]
    single = [single_run(runs) or single_run(reference) for runs in others]
    p = [p_value(each.auc) for each in found]
    above, below = (
        [
            math.nan if alone else p_beyond(each.auc, margin, side=side)
            for each, alone in zip(found, single, strict=True)
        ]
        for side in (-1, 1)
    )
    p_holm, p_not_worse = holm(p), holm(above)
    p_equivalent = holm([max(pair) for pair in zip(above, below, strict=True)])
    tests = sum(not math.isnan(value) for value in p)
    return [
        Comparison(
            difference=(interval := each.auc.interval()),
            p=p[k],
            p_holm=p_holm[k],
            margin=margin,
            p_equivalent=p_equivalent[k],
            p_not_worse=p_not_worse[k],
            verdict=_verdict(
                interval.value,
                p=p_holm[k],
                p_equivalent=p_equivalent[k],
                p_not_worse=p_not_worse[k],
                single=single[k],
            ),
            smallest=math.nan
            if math.isnan(p[k])
            else smallest_difference(each.auc, level=SIGNIFICANCE / tests),
            images=each.images,
        )
        for k, each in enumerate(found)
    ]


def spreads_of(rows: Sequence[Sequence[Run]], *, scorer: Scorer) -> list[Spread]:
    """The variance of each row of a table over its seeds."""
    return pooled([Runs.of([scorer.leading(run).auc for run in runs]) for runs in rows])


def over_control(
    runs: Sequence[Run], control: Sequence[Run], *, spreads: tuple[Spread, Spread], scorer: Scorer
) -> Interval:
    """The difference of a row to a control, on the images that both predict.

    Args:
        spreads: of the two rows (:func:`spreads_of`).
    """
    return _difference(runs, control, spreads=spreads, scorer=scorer).auc.interval()


def single_run(runs: Sequence[Run]) -> bool:
    """Whether a row is one training run, which another seed may turn round.

    Controls and imported predictions have no seed: they are compared as the predictors that they
    are.
    """
    return len(runs) == 1 and bool(runs[0].cell.loss)


class _Difference(NamedTuple):
    """The difference of two rows, and the number of images it is on."""

    auc: Auc
    images: int


def _verdict(
    value: float, *, p: float, p_equivalent: float, p_not_worse: float, single: bool
) -> Verdict:
    """The first verdict that holds, in the order of :class:`Comparison`."""
    if math.isnan(p):
        return "n/a"
    differs = p < SIGNIFICANCE and value != 0.0
    if single:
        return "differs" if differs else "cannot tell"
    if p_equivalent < SIGNIFICANCE:
        return "equivalent"
    if differs:
        return "better" if value > 0.0 else "worse"
    return "not worse" if p_not_worse < SIGNIFICANCE else "cannot tell"


def _difference(
    runs: Sequence[Run],
    reference: Sequence[Run],
    *,
    spreads: tuple[Spread, Spread],
    scorer: Scorer,
) -> _Difference:
    sides = [[scorer.leading(run) for run in side] for side in (runs, reference)]
    scores = [score for side in sides for score in side]
    if len({score.images for score in scores}) > 1:
        # Imported predictions need not cover the whole test part.
        return _on_common_images(runs, reference, spreads)
    aucs = [[score.auc for score in side] for side in sides]
    return _Difference(_of_means(aucs, spreads), scores[0].count)


def _of_means(sides: Sequence[Sequence[Auc]], spreads: Sequence[Spread]) -> Auc:
    """The difference of two means over seeds."""
    row, base = (Runs.of(side).auc(spread) for side, spread in zip(sides, spreads, strict=True))
    return difference(row, base)


def _on_common_images(
    runs: Sequence[Run], reference: Sequence[Run], spreads: tuple[Spread, Spread]
) -> _Difference:
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
        return _Difference(undefined(reason), 0)
    sides = [[auc_of(here[run.folder], run.outputs) for run in side] for side in (runs, reference)]
    return _Difference(_of_means(sides, spreads), len(common))


def _only(predictions: Predictions, images: set[str]) -> Predictions:
    """The predictions for some images, in the order of their ids."""
    order = np.argsort(predictions.images)
    return predictions.at(order[[image in images for image in predictions.images[order]]])
