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

# Images and pixels at once. Evaluation mode treats every image by itself, so that probabilities do
# not depend on them but for rounding: some libraries multiply a classifier's matrix otherwise for
# another number of images. On a CPU they are those of the first runs, so that a seed's history is
# still theirs to the last bit. A GPU wants enough images not to wait for the host, which names the
# kernels.
CPU_BATCH, CPU_PIXELS = 256, 2**22
CUDA_BATCH, CUDA_PIXELS = 1024, 2**25
# Images and pixels whose losses are averaged together, the same on every device: a weighted mean
# depends on them.
LOSS_BATCH, LOSS_PIXELS = 256, 2**22


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
        MemoryExhaustedError: memory does not suffice for one image.
    """
    network.eval()
    side = images.pixels.side
    at_once = min(len(images), answered_at_once(side, images.device))
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
    together = _how_many(images.pixels.side, most=LOSS_BATCH, pixels=LOSS_PIXELS)
    total = torch.zeros((), dtype=torch.float64, device=images.device)
    with torch.inference_mode():
        batches = []
        for x, targets in images.in_order(at_once):
            with autocast(x.device, precision):
                batches.append((network(x), targets))
        logits, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
        # In training autocast gives a loss wider numbers; here it has not been asked to.
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        groups = zip(torch.split(logits, together), torch.split(targets, together), strict=True)
        for some, of_these in groups:
            total += loss(some, of_these).double() * len(some)
        # Double, so that confident answers keep their order and do not tie at 1.0.
        wide = logits.double()
        probabilities = wide.softmax(1) if kind == "multiclass" else wide.sigmoid()
    return Answers(probabilities=probabilities, loss=total.item() / len(images))


def answered_at_once(side: int, device: torch.device) -> int:
    """How many images of a set are answered at once, where there are so many and memory suffices.

    Args:
        side: of an image in pixels.
        device: of the network.
    """
    if device.type == "cuda":
        return _how_many(side, most=CUDA_BATCH, pixels=CUDA_PIXELS)
    return _how_many(side, most=CPU_BATCH, pixels=CPU_PIXELS)


def _how_many(side: int, *, most: int, pixels: int) -> int:
    """At most so many images, with together at most so many pixels; one at least."""
    return min(most, max(1, pixels // side**2))
