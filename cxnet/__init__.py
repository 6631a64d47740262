"""The paper, usable alone: its networks and its losses. Imports torch, never the harness."""

from cxnet.losses import (
    CrossEntropy,
    FocalLoss,
    SinHumpLoss,
    SinLoss,
    TargetKind,
    WeightedCrossEntropy,
    balanced_class_weights,
)
from cxnet.networks import MIN_IMAGE_SIZE, CXNetM1, CXNetM1V2

__all__ = [
    "CXNetM1",
    "CXNetM1V2",
    "MIN_IMAGE_SIZE",
    "CrossEntropy",
    "WeightedCrossEntropy",
    "FocalLoss",
    "SinLoss",
    "SinHumpLoss",
    "TargetKind",
    "balanced_class_weights",
]
