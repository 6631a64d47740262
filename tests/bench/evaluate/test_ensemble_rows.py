"""Ensembles of a table: value, gain over their seeds, and difference to the reference's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.evaluate.collect import collect
from bench.evaluate.results import Results
from tests.bench.evaluate.stored_runs import StoredRuns

IMAGES, VALIDATION = 100, 20
FINDINGS: list[tuple[str, ...]] = [(), ("Mass",)] * (IMAGES // 2)
ABNORMAL = np.arange(IMAGES) % 2
TEST = slice(VALIDATION, IMAGES)


def test_each_network_of_several_seeds_has_one(tmp_path: Path) -> None:
    runs = StoredRuns(tmp_path, findings=FINDINGS, validation=VALIDATION)
    rng = np.random.default_rng(1)
    p = {
        (model, seed): np.clip(0.2 * ABNORMAL + 0.8 * rng.random(IMAGES), 0, 1)
        for model in ("cxnet_m1", "net")
        for seed in range(3)
    }
    for (model, seed), of_run in p.items():
        runs.add(model, of_run, seed=seed, loss="sin" if model == "cxnet_m1" else "ce")
    runs.add("alone", p["net", 0])
    runs.add("prior", np.full(IMAGES, 0.5), kind="control")
    (table,) = collect(runs.store.runs())

    def auc(scores: np.ndarray) -> float:
        return float(roc_auc_score(ABNORMAL[TEST], scores[TEST]))

    together = {
        model: auc(np.mean([p[model, seed] for seed in range(3)], axis=0))
        for model in ("cxnet_m1", "net")
    }
    found = {each.model: each for each in table.ensembles}
    assert found.keys() == {"cxnet_m1", "net"}
    for model, each in found.items():
        apart = np.mean([auc(p[model, seed]) for seed in range(3)])
        assert each.auc.value == pytest.approx(together[model])
        assert each.gain.value == pytest.approx(together[model] - apart)
        assert each.gain.low < each.gain.value < each.gain.high
        # Paired: the interval of the gain is narrower than that of the figure itself.
        assert each.gain.high - each.gain.low < each.auc.high - each.auc.low
    assert found["cxnet_m1"].difference is None
    gap = found["net"].difference
    assert gap is not None
    assert gap.value == pytest.approx(together["net"] - together["cxnet_m1"])
    frame = Results(tables=(table,)).ensembles
    assert frame["kind"].tolist() == ["ensemble"] * 2
    assert frame.set_index("model")["gain"].to_dict() == {
        model: each.gain.value for model, each in found.items()
    }
    # None of them is a row that p is corrected for.
    assert sorted(row.model for row in table.rows) == ["alone", "cxnet_m1", "net", "prior"]
