"""A network's answers for a set of images, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.config.schema import Precision
from bench.data.batches import ImageSet
from bench.registry import TargetKind
from bench.train.memory import halve, unless_out_of_memory

# Large enough to keep a device busy, small enough for the widest layers at 512 px; results do
# not depend on them, because evaluation mode treats every image by itself.
EVALUATION_BATCH = 256
EVALUATION_PIXELS = 2**22


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

    Where memory runs out, it begins again with half as many images at once.

    Args:
        network: from (b, channels, side, side) to logits (b, outputs).
        loss: from (logits, targets) to the mean loss of a batch.
        images: the set.
        kind: how logits become probabilities.
        precision: ``bfloat16`` for autocast, ``float32`` for none.

    Raises:
        TrainingFailedError: memory does not suffice for one image.
    """
    network.eval()
    image = images.pixels[0]
    at_once = min(len(images), EVALUATION_BATCH, max(1, EVALUATION_PIXELS // image.size))
    while True:
        run = partial(_answer, network, loss, images, at_once, kind=kind, precision=precision)
        answers = unless_out_of_memory(run)
        if answers is not None:
            return answers
        at_once = halve(at_once, side=image.shape[0])


def _answer(
    network: nn.Module,
    loss: nn.Module,
    images: ImageSet,
    at_once: int,
    *,
    kind: TargetKind,
    precision: Precision,
) -> Answers:
    logits: list[torch.Tensor] = []
    total = torch.zeros((), dtype=torch.float64)
    with torch.inference_mode():
        for x, targets in images.in_order(at_once):
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
