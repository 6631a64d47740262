"""One number for a run: by it the best weights are chosen, and the test is told in progress."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.metrics import auc
from bench.registry import TargetKind


def overall_auc(
    targets: NDArray[np.int64] | NDArray[np.float32],
    probabilities: NDArray[np.float64],
    *,
    kind: TargetKind,
) -> float:
    """AUC of the second of two classes; macro AUC for more classes, and for labels.

    Macro AUC is the mean over the outputs that have an AUC: each class against all others, or
    each label by itself. A class or label that no image has, or that every image has, has none;
    since these are the same at every validation, the values of one training can be compared.

    Args:
        targets: int64 (images,) for multi-class, 0 or 1 as float32 (images, labels) for
            multi-label.
        probabilities: (images, outputs).
        kind: "multiclass" or "multilabel".

    Returns:
        A value in [0, 1]; NaN where no output has an AUC.
    """
    outputs = probabilities.shape[1]
    if kind == "multiclass":
        if outputs == 2:
            return auc(targets, probabilities[:, 1])
        truth = targets[:, None] == np.arange(outputs)
    else:
        truth = targets > 0.5
    each = [auc(truth[:, k], probabilities[:, k]) for k in range(outputs)]
    defined = [value for value in each if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
