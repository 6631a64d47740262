"""The AUC of many resamples at once, against scikit-learn one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import roc_auc_score

from bench.evaluate.binary import auc
from bench.evaluate.ranking import Ranking
from tests.bench.evaluate.resamples import resampled


@given(resampled())
def test_every_resample_has_the_auc_that_scikit_learn_gives_it(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    targets, scores, groups, counts = case
    found = Ranking.of(targets, scores).auc(counts, groups=groups)
    for value, column in zip(found, counts.T, strict=True):
        weights = column[groups]
        if not weights[targets == 0].any() or not weights[targets == 1].any():
            assert np.isnan(value)
            continue
        assert 0.0 <= value <= 1.0
        expected = roc_auc_score(targets, scores, sample_weight=weights)
        assert value == pytest.approx(expected, abs=1e-12)


@given(resampled())
def test_a_count_is_as_good_as_a_repeated_image(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    targets, scores, groups, counts = case
    repeats = counts[groups, 0]
    if not repeats.any():
        return
    (value,) = Ranking.of(targets, scores).auc(counts[:, :1], groups=groups)
    repeated = auc(np.repeat(targets, repeats), np.repeat(scores, repeats))
    assert value == pytest.approx(repeated, abs=1e-12, nan_ok=True)


def test_scores_that_separate_the_classes_give_exactly_one_in_every_resample() -> None:
    targets = np.repeat([0, 1], 50)
    counts = np.random.default_rng(0).integers(1, 5, (100, 40)).astype(np.uint16)
    ranking = Ranking.of(targets, targets + np.linspace(0, 0.5, 100))
    assert (ranking.auc(counts, groups=np.arange(100)) == 1.0).all()
    assert (Ranking.of(1 - targets, targets).auc(counts, groups=np.arange(100)) == 0.0).all()
