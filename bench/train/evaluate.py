"""A network's answers for a set of images, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.config.schema import Precision
from bench.data.batches import ImageSet
from bench.registry import TargetKind
from bench.train.autocast import autocast
from bench.train.memory import halve, unless_out_of_memory

# Images and pixels at once: large enough to keep a device busy, small enough for the widest layers
# at 512 px; results do not depend on them (but for rounding), because evaluation mode treats every
# image by itself. A GPU has more to be kept busy: at 256 images of a deep network it waits for the
# host to name the kernels.
EVALUATION_BATCH, EVALUATION_PIXELS = 256, 2**22
EVALUATION_BATCH_CUDA, EVALUATION_PIXELS_CUDA = 1024, 2**25


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a network says of a set of images, in the set's order.

    Attributes:
        probabilities: (images, outputs) float64 on the images' device: softmax over classes, or
            a sigmoid per label.
        loss: mean loss over the images.
    """

    probabilities: Tensor
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
    side = images.pixels.side
    if images.device.type == "cuda":
        most, pixels = EVALUATION_BATCH_CUDA, EVALUATION_PIXELS_CUDA
    else:
        most, pixels = EVALUATION_BATCH, EVALUATION_PIXELS
    at_once = min(len(images), most, max(1, pixels // side**2))
    while True:
        run = partial(_answer, network, loss, images, at_once, kind=kind, precision=precision)
        answers = unless_out_of_memory(run)
        if answers is not None:
            return answers
        at_once = halve(at_once, side=side)


def _answer(
    network: nn.Module,
    loss: nn.Module,
    images: ImageSet,
    at_once: int,
    *,
    kind: TargetKind,
    precision: Precision,
) -> Answers:
    # All stays on the device until the end: reading a batch's would make the host wait for it.
    logits: list[Tensor] = []
    total = torch.zeros((), dtype=torch.float64, device=images.device)
    with torch.inference_mode():
        for x, targets in images.in_order(at_once):
            with autocast(x.device, precision):
                batch_logits = network(x)
            total += loss(batch_logits, targets).double() * len(x)
            # Double, so that confident answers keep their order and do not tie at 1.0.
            logits.append(batch_logits.double())
        stacked = torch.cat(logits)
        probabilities = stacked.softmax(1) if kind == "multiclass" else stacked.sigmoid()
    return Answers(probabilities=probabilities, loss=total.item() / len(images))
