"""The paper, usable alone: its networks, its losses and its hierarchy of four classifiers.

Imports torch and NumPy, never the harness.
"""

from cxnet.hierarchy import (
    Blame,
    Leaf,
    Routed,
    StageProbabilities,
    StageThresholds,
    blame,
    leaf_of,
    route,
    soft_findings,
)
from cxnet.losses import (
    CrossEntropy,
    FocalLoss,
    SinDetachedLoss,
    SinHumpDetachedLoss,
    SinHumpLoss,
    SinLoss,
    TargetKind,
    WeightedCrossEntropy,
    WeightedLoss,
    balanced_class_weights,
)
from cxnet.networks import MIN_IMAGE_SIZE, CXNetM1, CXNetM1V2, DropoutPlace

__all__ = [
    "CXNetM1",
    "CXNetM1V2",
    "DropoutPlace",
    "MIN_IMAGE_SIZE",
    "WeightedLoss",
    "CrossEntropy",
    "WeightedCrossEntropy",
    "FocalLoss",
    "SinLoss",
    "SinHumpLoss",
    "SinDetachedLoss",
    "SinHumpDetachedLoss",
    "TargetKind",
    "balanced_class_weights",
    "StageProbabilities",
    "StageThresholds",
    "Routed",
    "Leaf",
    "Blame",
    "route",
    "soft_findings",
    "leaf_of",
    "blame",
]
