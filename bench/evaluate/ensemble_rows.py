"""Ensembles of a table: the mean prediction of each network's seeds, beside its single runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.evaluate.auc import difference, mean_of
from bench.evaluate.estimate import Interval

if TYPE_CHECKING:
    from bench.evaluate.results import Row
    from bench.evaluate.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """The mean prediction of the seeds of a row: one predictor, and no sample of trainings.

    Its intervals are for other patients alone. It has no verdict, and p of no row is corrected
    for it.

    Attributes:
        model, loss, weights, settings, label, seeds: as those of the row of its seeds.
        auc: the leading figure, AUC or macro AUC.
        gain: this less the mean of the seeds' own figures, on the same images.
        difference: this less that of the reference's ensemble; None for that itself, and where the
            reference has fewer than two seeds.
    """

    model: str
    loss: str
    weights: str
    settings: str
    label: str
    seeds: tuple[int, ...]
    auc: Interval
    gain: Interval
    difference: Interval | None = None


def ensembles(rows: Sequence[Row], *, scorer: Scorer) -> tuple[Ensemble, ...]:
    """The ensemble of each network that has two or more finished seeds.

    Args:
        rows: of one table, in their order.
        scorer: of all runs.

    Raises:
        InputError: predictions are gone or damaged.
    """
    several = [row for row in rows if row.kind == "network" and len(row.runs) > 1]
    aucs = [scorer.auc_of_mean(row.runs) for row in several]
    reference = next(
        (auc for row, auc in zip(several, aucs, strict=True) if row.is_reference), None
    )
    return tuple(
        Ensemble(
            model=row.model,
            loss=row.loss,
            weights=row.weights,
            settings=row.settings,
            label=row.label,
            seeds=row.seeds,
            auc=auc.interval(),
            gain=difference(auc, mean_of([scorer.leading(run).auc for run in row.runs])).interval(),
            difference=None
            if reference is None or row.is_reference
            else difference(auc, reference).interval(),
        )
        for row, auc in zip(several, aucs, strict=True)
    )
