"""The built-in losses, as the harness sees them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cxnet
from bench.registry import LOSSES, TargetKind

CLASSES = {
    "ce": cxnet.CrossEntropy,
    "weighted_ce": cxnet.WeightedCrossEntropy,
    "focal": cxnet.FocalLoss,
    "sin": cxnet.SinLoss,
    "sin_hump": cxnet.SinHumpLoss,
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_each_name_makes_its_loss(name: str, kind: TargetKind) -> None:
    targets = torch.tensor([0, 1]) if kind == "multiclass" else torch.eye(2)
    weights = cxnet.balanced_class_weights(targets, kind=kind, outputs=2)
    loss = LOSSES.get(name).factory(kind=kind, class_weights=weights)
    assert type(loss) is CLASSES[name]
    assert loss(torch.randn(2, 2), targets).shape == ()


def test_weighted_ce_alone_needs_class_weights() -> None:
    assert [entry.name for entry in LOSSES if entry.needs_class_weights] == ["weighted_ce"]


def test_the_reconstructions_say_so() -> None:
    assert all("reconstruct" in LOSSES.get(name).description for name in ("sin", "sin_hump"))


@pytest.mark.parametrize(
    ("loss", "weighted", "expected"),
    [("ce", False, None), ("ce", True, [2 / 3, 2.0]), ("weighted_ce", False, [2 / 3, 2.0])],
)
def test_class_weights_are_those_of_the_training_targets(
    loss: str, weighted: bool, expected: list[float] | None
) -> None:
    targets = np.array([0, 0, 0, 1])
    made = LOSSES.get(loss).build(kind="multiclass", targets=targets, outputs=2, weighted=weighted)
    weights = made.class_weights
    assert (weights is None) if expected is None else weights.tolist() == pytest.approx(expected)
