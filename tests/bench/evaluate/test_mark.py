"""The mark of rows that are not shown to be above the best control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.evaluate.auc import Auc, difference
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.scorer import Scorer
from bench.evaluate.seeds import Runs, pooled
from tests.bench.evaluate.stored_runs import StoredRuns

NORMAL: tuple[str, ...] = ()


def probabilities(shift: float, truth: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Probabilities whose logits are ``shift`` apart between the classes."""
    logits = shift * truth + np.random.default_rng(seed).normal(size=len(truth))
    return np.asarray(1 / (1 + np.exp(-logits)))


def test_the_best_control_is_the_best_on_the_validation_part(tmp_path: Path) -> None:
    """And a row is marked by the interval of the difference to it, not by two points."""
    truth = np.arange(500) % 2
    stored = StoredRuns(
        tmp_path, findings=[("Mass",) if sick else NORMAL for sick in truth], validation=200
    )
    validation = np.arange(500) < 200
    strong, weak = probabilities(1.5, truth, 1), probabilities(0.5, truth, 2)
    runs = [
        stored.add("pixels", np.where(validation, strong, weak), kind="control"),
        stored.add("frame", np.where(validation, weak, strong), kind="control"),
        stored.add("far_above", probabilities(2.0, truth, 3)),
        stored.add("hardly_above", probabilities(0.6, truth, 4)),
        stored.add("below", probabilities(0.2, truth, 5)),
    ]
    (table,) = collect(runs, scorer=Scorer(Resampling(count=400)))
    (best,) = table.best_controls.values()
    rows = {row.model: row for row in table.rows}
    assert best == ("pixels", rows["pixels"].auc)
    assert rows["hardly_above"].auc > best.value
    marked = {name for name, row in rows.items() if row.below_controls}
    assert marked == {"hardly_above", "below"}


def unmarked(trials: int, *, images: int, seeds: int) -> float:
    """Share of networks that know nothing and are shown to be above the best of three controls.

    Two controls guess as the networks do; the third gives every image the same probability.
    Patients have one to three images each, and 45 % of the images are abnormal.
    """
    patients = np.repeat(np.arange(images), np.random.default_rng(0).integers(1, 4, images))
    ids = [f"{image:05}" for image in range(images)]
    part = Resampling(count=0).resample(images=ids, patients=patients[:images].astype(str))
    rng = np.random.default_rng(1)

    def guess(truth: NDArray[np.bool_], *, alike: bool = False) -> Auc:
        return part.auc(truth, np.full(images, 0.5) if alike else rng.random(images))

    shown = 0
    for _ in range(trials):
        truths = [rng.random(images) < 0.45 for _ in range(2)]
        controls = [
            [guess(truth, alike=alike) for truth in truths] for alike in (True, False, False)
        ]
        best = max(controls, key=lambda control: control[0].value)[1]
        runs = Runs.of([guess(truths[1]) for _ in range(seeds)])
        (spread,) = pooled([runs])
        shown += difference(runs.auc(spread), best).interval().low > 0.0
    return shown / trials


@pytest.mark.parametrize("seeds", [1, 3])
def test_networks_that_know_nothing_are_marked(seeds: int) -> None:
    # Three standard errors of 100 trials at 2.5 %: 0.047.
    assert unmarked(100, images=200, seeds=seeds) < 0.025 + 0.047


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
def test_at_most_one_in_twenty_networks_that_know_nothing_is_unmarked(seeds: int) -> None:
    assert unmarked(3000, images=400, seeds=seeds) <= 0.05
