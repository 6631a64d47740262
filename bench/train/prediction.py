"""Probabilities of a network for a set of images, and the mean loss of its logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.config.schema import Precision
from bench.data.batches import ImageSet
from bench.registry import TargetKind
from bench.train.device import autocast
from bench.train.distributed.group import ALONE, Group
from bench.train.errors import is_out_of_memory

# Most images and pixels in a batch. In evaluation mode a network treats every image by itself, so
# probabilities depend on the batch by rounding alone (some libraries multiply matrices differently
# for another number of rows). A GPU needs more images, so as not to wait for the host.
CPU_BATCH, CPU_PIXELS = 256, 2**22
CUDA_BATCH, CUDA_PIXELS = 1024, 2**25
# Most images and pixels whose losses are averaged together. The same on every device: the mean of a
# user's loss may depend on them, where it divides by the weights of the images in the batch. That
# of the built-in losses does not.
LOSS_BATCH, LOSS_PIXELS = 256, 2**22


class Predicted(NamedTuple):
    """A network's predictions for a set of images, in the set's order."""

    # (images, outputs) float64 on the images' device: softmax over classes, or a sigmoid per label.
    probabilities: Tensor
    logits: Tensor  # (images, outputs) at least float32, on the same device


def predict(
    network: nn.Module,
    images: ImageSet,
    *,
    kind: TargetKind,
    precision: Precision,
    group: Group = ALONE,
) -> Predicted:
    """Run a network in evaluation mode over a set of images.

    Where memory runs out, it starts again with half as many images in a batch.

    Args:
        network: from (b, channels, side, side) to logits (b, outputs).
        kind: how logits become probabilities.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
        group: processes among which the images are divided; each gets the predictions for all.

    Raises:
        RuntimeError: memory does not suffice for one image.
    """
    network.eval()
    own = images.part(group.share(len(images)))
    batch = min(len(own), prediction_batch(images.placement.side, images.device))
    while True:
        try:
            own_logits = _logits(network, own, batch, precision)
            break
        except RuntimeError as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
        # Outside the block above: until it ends, the error's frames hold tensors.
        torch.cuda.empty_cache()
        batch //= 2
    with torch.inference_mode():
        # As a loss of these logits has them in training, where autocast is off for it.
        own_logits = own_logits.to(torch.promote_types(own_logits.dtype, torch.float32))
        logits = group.whole(own_logits, len(images))
        # Double, so that confident predictions keep their order and do not tie at 1.0.
        wide = logits.double()
        probabilities = wide.softmax(1) if kind == "multiclass" else wide.sigmoid()
    return Predicted(probabilities, logits)


def _logits(network: nn.Module, images: ImageSet, batch: int, precision: Precision) -> Tensor:
    """Logits of all images, on the device."""
    with torch.inference_mode():
        parts = []
        for x in images.in_order(batch):
            with autocast(x.device, precision):
                parts.append(network(x))
        return torch.cat(parts)


@torch.inference_mode()
def mean_loss(loss: nn.Module, logits: Tensor, targets: Tensor, *, side: int) -> float:
    """The mean of a loss over images, from their logits.

    Args:
        loss: from (logits, targets) to the mean loss of a batch.
        logits: (images, outputs) at least float32.
        side: of the images, in pixels.
    """
    together = min(LOSS_BATCH, max(1, LOSS_PIXELS // side**2))
    # The sum stays on the device: reading each part would make the host wait for it.
    total = torch.zeros((), dtype=torch.float64, device=logits.device)
    for part, its_targets in zip(
        torch.split(logits, together), torch.split(targets, together), strict=True
    ):
        total += loss(part, its_targets).double() * len(part)
    return total.item() / len(logits)


def prediction_batch(side: int, device: torch.device) -> int:
    """Images in a batch of :func:`predict`, of so many pixels a side; fewer if memory runs out."""
    images, pixels = (CUDA_BATCH, CUDA_PIXELS) if device.type == "cuda" else (CPU_BATCH, CPU_PIXELS)
    return min(images, max(1, pixels // side**2))
