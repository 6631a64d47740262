"""The work on many rows grows with their number: counted, not timed."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from bench.evaluate import collect, seeds
from bench.evaluate.auc import Auc
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.scorer import Scorer
from bench.evaluate.seeds import Runs, Spread, pooled
from bench.runs.run import Run
from tests.bench.evaluate.stored_runs import StoredRuns


def test_each_row_is_tested_against_the_pool_of_all_others() -> None:
    rng = np.random.default_rng(0)
    observed = rng.gamma(2.0, size=30) * np.where(np.arange(30) % 7 == 0, 9.0, 1.0)
    df = rng.integers(1, 5, size=30)
    few = np.arange(30) % 4 == 1
    spreads = [
        Spread(observed=float(value), by_patients=0.0, df=float(count))
        for value, count in zip(observed, df, strict=True)
    ]
    found = pooled(
        [_row(spread, few=bool(rare)) for spread, rare in zip(spreads, few, strict=True)]
    )
    for k, spread in enumerate(spreads):
        others = [each for j, each in enumerate(spreads) if j != k and not few[j]]
        pool = sum(each.df * each.observed for each in others) / sum(each.df for each in others)
        ratio = spread.observed / pool
        p = float(seeds.fdtrc(spread.df, sum(each.df for each in others), ratio))
        assert found[k].own == (ratio > 1 and p < seeds.LARGER)


def _row(spread: Spread, *, few: bool) -> Runs:
    mean = Auc(value=0.999 if few else 0.5, parts={}, df=9.0)
    return Runs(mean=mean, count=2, spread=spread)


def test_rows_scored_side_by_side_have_the_figures_of_rows_scored_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = np.arange(60) % 2
    findings: list[tuple[str, ...]] = [("Mass",) if sick else () for sick in truth]
    stored = StoredRuns(tmp_path / "runs", findings=findings, validation=20)
    rng = np.random.default_rng(0)
    for model in range(6):
        for seed in range(2):
            p = 1 / (1 + np.exp(-truth - rng.normal(size=60)))
            stored.add(f"net{model}", p, seed=seed)
    told: dict[int, list[tuple[str, int]]] = {1: [], 4: []}
    tables = {}
    for workers, order in told.items():

        def tell(run: Run, order: list[tuple[str, int]] = order) -> None:
            assert threading.current_thread() is threading.main_thread()
            order.append((run.cell.model, run.cell.seed))

        monkeypatch.setattr(collect, "processors", lambda workers=workers: workers)
        scorer = Scorer(Resampling(count=50))
        tables[workers] = collect.collect(stored.store.runs(), scorer=scorer, on_scored=tell)
    assert told[1] == told[4]
    assert len(told[1]) == 12
    figures = [
        [(row.model, row.figures, row.comparison, row.spread) for row in table.rows]
        for (table,) in tables.values()
    ]
    assert repr(figures[0]) == repr(figures[1])
