"""The mean prediction of several seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.evaluate.ensemble import mean_predictions
from tests.bench.evaluate.stored_runs import StoredRuns

FINDINGS: list[tuple[str, ...]] = [(), ("Mass",)] * 4


def test_probabilities_are_averaged_and_all_else_is_kept(tmp_path: Path) -> None:
    runs = StoredRuns(tmp_path, findings=FINDINGS, validation=4)
    rng = np.random.default_rng(0)
    added = [runs.add("m", rng.random(8), seed=seed) for seed in range(3)]
    mean = mean_predictions(added)
    for part in ("validation", "test"):
        stored = [run.predictions()[part] for run in added]
        expected = sum(each.probabilities for each in stored) / 3
        assert mean[part].probabilities == pytest.approx(expected)
        assert mean[part].images.tolist() == stored[0].images.tolist()
        assert mean[part].targets.tolist() == stored[0].targets.tolist()


def test_one_run_is_its_own_ensemble(tmp_path: Path) -> None:
    run = StoredRuns(tmp_path, findings=FINDINGS, validation=4).add("m", np.linspace(0, 1, 8))
    for part, predictions in run.predictions().items():
        mean = mean_predictions([run])[part]
        assert mean.probabilities.tolist() == predictions.probabilities.tolist()


def test_other_images_are_refused(tmp_path: Path) -> None:
    first = StoredRuns(tmp_path / "a", findings=FINDINGS, validation=4).add("m", np.zeros(8))
    second = StoredRuns(tmp_path / "b", findings=FINDINGS, validation=3).add("m", np.zeros(8))
    with pytest.raises(InputError, match="predict other images"):
        mean_predictions([first, second])
