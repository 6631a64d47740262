"""The work on many rows grows with their number: counted, not timed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.config.schema import TrainConfig
from bench.evaluate import seeds
from bench.evaluate.auc import Auc
from bench.evaluate.seeds import Runs, Spread, pooled
from bench.evaluate.settings import captions
from tests.bench.records import cell


def test_captions_read_the_recipe_of_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(count: int) -> list[Any]:
        recipes = ("paper", "modern")
        return [
            cell("net", "ce", train={"recipe": recipes[k % 2], "lr": 0.1 + k, "max_iterations": 9})
            for k in range(count)
        ]

    read = 0
    real = TrainConfig.model_validate

    def counting(*arguments: Any, **options: Any) -> TrainConfig:
        nonlocal read
        read += 1
        return real(*arguments, **options)

    few, many = rows(10), rows(20)
    monkeypatch.setattr(TrainConfig, "model_validate", counting)
    texts = captions(few)
    assert texts[0] == "train.lr=0.1, train.recipe=paper"
    assert read == 10 + 2
    read = 0
    assert captions(many)[:10] == texts
    assert read == 20 + 2


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
