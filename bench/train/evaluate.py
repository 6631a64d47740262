"""A network's answers for a set of images, without gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.config.schema import Precision
from bench.data.batches import ImageSet
from bench.registry import TargetKind

# Large enough to keep a device busy; results do not depend on it, because evaluation mode
# treats every image by itself.
EVALUATION_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a network says of a set of images, in the set's order.

    Attributes:
        probabilities: (images, outputs) float64: softmax over classes, or a sigmoid per label.
        loss: mean loss over the images.
    """

    probabilities: NDArray[np.float64]
    loss: float


def answer(
    network: nn.Module,
    loss: nn.Module,
    images: ImageSet,
    *,
    kind: TargetKind,
    precision: Precision,
) -> Answers:
    """Run a network in evaluation mode over a set of images.

    Args:
        network: from (b, channels, side, side) to logits (b, outputs).
        loss: from (logits, targets) to the mean loss of a batch.
        images: the set.
        kind: how logits become probabilities.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
    """
    network.eval()
    logits: list[torch.Tensor] = []
    total = torch.zeros((), dtype=torch.float64)
    with torch.inference_mode():
        for x, targets in images.in_order(EVALUATION_BATCH):
            with autocast(x.device, precision):
                batch_logits = network(x)
            total += loss(batch_logits, targets).double().cpu() * len(x)
            # Double, so that confident answers keep their order and do not tie at 1.0.
            logits.append(batch_logits.double().cpu())
    stacked = torch.cat(logits)
    probabilities = stacked.softmax(1) if kind == "multiclass" else stacked.sigmoid()
    return Answers(probabilities=probabilities.numpy(), loss=total.item() / len(images))


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast on a device, switched on only for bfloat16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
