"""AUC for model selection and for the progress line."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bench.registry import TargetKind


def overall_auc(targets: Tensor, probabilities: Tensor, *, kind: TargetKind) -> float:
    """AUC of the second of two classes; macro AUC for more classes, and for labels.

    Macro AUC is the mean over the outputs that have an AUC: each class against all others, or
    each label by itself. A class or label that no image has, or that every image has, has none;
    since these are the same at every validation, the values of one training can be compared.

    Computed where the tensors lie, so that a validation on a GPU brings back one number for
    each output.

    Args:
        targets: int64 (images,) for multi-class, 0 or 1 as float32 (images, labels) for
            multi-label.
        probabilities: float64 (images, outputs), none of them NaN, on the same device.

    Returns:
        A value in [0, 1]; NaN where no output has an AUC.
    """
    outputs = probabilities.shape[1]
    if kind == "multilabel":
        positive = targets > 0.5
    elif outputs == 2:
        positive, probabilities = (targets == 1)[:, None], probabilities[:, 1:]
    else:
        positive = targets[:, None] == torch.arange(outputs, device=targets.device)
    defined = [v for v in auc_by_ranks(positive, probabilities).tolist() if not math.isnan(v)]
    return float(np.mean(defined)) if defined else math.nan


def auc_by_ranks(positive: Tensor, scores: Tensor) -> Tensor:
    """AUC of each column, as :func:`bench.evaluate.delong.auc` defines it: ties count half.

    Ranks are multiples of a half and their sums exact in float64, so that the value does not
    depend on the device, nor on the order of the images.

    Args:
        positive: bool (n, columns).
        scores: float64 (n, columns); higher is more positive.

    Returns:
        float64 (columns,); NaN where a column has one class only.
    """
    columns = scores.T.contiguous()
    ordered = columns.sort(dim=1).values
    below = torch.searchsorted(ordered, columns)
    not_above = torch.searchsorted(ordered, columns, right=True)
    ranks = (below + not_above + 1).double() / 2
    # Of integers torch's quotient would be a float32, too short for the ranks of many images.
    positives = positive.sum(dim=0).double()
    negatives = len(positive) - positives
    rank_sum = (ranks * positive.T).sum(dim=1)
    # Without one of the classes it is 0 / 0, which is NaN.
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
