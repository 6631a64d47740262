"""The validation score, held against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bench.evaluate import delong
from bench.registry import TargetKind
from bench.train import score

RANDOM = np.random.default_rng(0)


def overall_auc(
    targets: NDArray[Any], probabilities: NDArray[np.float64], *, kind: TargetKind
) -> float:
    return score.overall_auc(torch.from_numpy(targets), torch.from_numpy(probabilities), kind=kind)


@pytest.mark.parametrize("outputs", [2, 4])
def test_of_classes_it_is_the_mean_of_each_against_the_others(outputs: int) -> None:
    targets = np.arange(80, dtype=np.int64) % outputs
    probabilities = RANDOM.dirichlet([1] * outputs, size=80)
    scores = probabilities[:, 1] if outputs == 2 else probabilities
    expected = roc_auc_score(targets, scores, multi_class="ovr", average="macro")
    assert overall_auc(targets, probabilities, kind="multiclass") == pytest.approx(expected)


@pytest.mark.parametrize("labels", [1, 2, 14])
def test_of_labels_it_is_their_mean(labels: int) -> None:
    targets = RANDOM.integers(2, size=(80, labels)).astype(np.float32)
    probabilities = RANDOM.random((80, labels))
    expected = roc_auc_score(targets, probabilities, average="macro")
    assert overall_auc(targets, probabilities, kind="multilabel") == pytest.approx(expected)


def test_outputs_without_an_auc_are_left_out_of_the_mean() -> None:
    targets = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 1]], dtype=np.float32)
    probabilities = np.array([[0.1, 0.9, 0.3], [0.2, 0.8, 0.2], [0.3, 0.1, 0.4]])
    assert overall_auc(targets, probabilities, kind="multilabel") == 0.5
    classes = np.array([0, 0, 2, 2])
    sure = np.eye(4)[classes]
    assert overall_auc(classes, sure, kind="multiclass") == 1.0


def test_it_is_undefined_where_no_output_has_one() -> None:
    none = np.zeros((3, 2), dtype=np.float32)
    assert math.isnan(overall_auc(none, np.full((3, 2), 0.5), kind="multilabel"))
    same = np.ones(3, dtype=np.int64)
    assert math.isnan(overall_auc(same, np.full((3, 3), 0.3), kind="multiclass"))
    assert math.isnan(overall_auc(same, np.full((3, 2), 0.5), kind="multiclass"))


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """As reports compute it."""
    return delong.auc(positive, scores, np.arange(len(scores))).value


@given(
    scores=st.lists(
        st.sampled_from([-math.inf, -1.0, 0.0, 0.25, 0.5, 1e-300, 3.0, math.inf]), min_size=1
    ),
    seed=st.integers(0, 9),
)
def test_by_ranks_it_is_bit_for_bit_the_auc_of_the_reports(scores: list[float], seed: int) -> None:
    columns = np.array([scores, scores[::-1]]).T
    positive = np.random.default_rng(seed).random(columns.shape) < 0.5
    found = score.auc_by_ranks(torch.from_numpy(positive), torch.from_numpy(columns))
    expected = [auc(positive[:, k], columns[:, k]) for k in range(2)]
    np.testing.assert_array_equal(found.numpy(), expected)


def test_by_ranks_it_is_exact_for_as_many_images_as_chest_xray14_has() -> None:
    random = np.random.default_rng(1)
    positive = random.random((112_120, 2)) < (0.46, 0.002)
    columns = random.random(positive.shape).round(6)
    found = score.auc_by_ranks(torch.from_numpy(positive), torch.from_numpy(columns))
    expected = [auc(positive[:, k], columns[:, k]) for k in range(2)]
    np.testing.assert_array_equal(found.numpy(), expected)
