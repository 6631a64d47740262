"""A training step of a network on random images, before anything is trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from baselines.finetune import set_training_mode
from bench.errors import InputError, first_line
from bench.registry import LOSSES, ModelEntry, NetworkShape, TargetKind
from bench.train.device import random_state_kept
from bench.train.errors import is_out_of_memory
from bench.train.random_images import random_images

# Batch norm cannot learn from a single image.
IMAGES = 2


def check_training(
    entry: ModelEntry, shape: NetworkShape, *, kind: TargetKind, device: torch.device
) -> None:
    """Check that a network can be trained: two random images pass through it and back.

    Some networks answer otherwise in training mode, such as with the logits of auxiliary heads.
    Memory that does not suffice is no fault of the network: its training says what to try.

    Args:
        device: where it would be trained. Its random state is left as it was.

    Raises:
        InputError: in training mode the network fails, answers with anything but finite logits
            of shape (images, outputs), or has no finite gradient.
    """
    try:
        with random_state_kept(device):
            torch.manual_seed(0)
            _take_step(entry, shape, kind=kind, device=device)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        if not is_out_of_memory(error):
            raise InputError(
                f"model {entry.name!r} fails in training mode on {IMAGES} images of "
                f"{shape.in_channels}×{shape.image_size}×{shape.image_size}: {first_line(error)}"
            ) from error


def _take_step(
    entry: ModelEntry, shape: NetworkShape, *, kind: TargetKind, device: torch.device
) -> None:
    network = entry.build(shape).to(device)
    set_training_mode(network)
    images = random_images(
        IMAGES,
        side=shape.image_size,
        in_channels=shape.in_channels,
        outputs=shape.outputs,
        kind=kind,
        device=device,
    )
    x, targets = next(images.in_order(IMAGES)), images.targets_at(np.arange(IMAGES))
    name = f"model {entry.name!r}"
    logits = network(x)
    _check_logits(logits, name, expected=(IMAGES, shape.outputs))
    loss = LOSSES.get("ce").factory(kind=kind, class_weights=None).to(device)
    loss(logits, targets).backward()
    for parameter, value in network.named_parameters():
        if value.grad is not None and not value.grad.isfinite().all():
            raise InputError(
                f"{name}: the gradient of {parameter} is not finite for {IMAGES} random images"
            )


def _check_logits(logits: object, name: str, *, expected: tuple[int, int]) -> None:
    if not isinstance(logits, Tensor) or logits.shape != expected:
        shape = tuple(getattr(logits, "shape", ()))
        found = f"shape {shape}" if shape else f"a {type(logits).__name__}"
        raise InputError(
            f"{name} answers {IMAGES} images with {found} in training mode, not with logits of "
            f"shape {expected}: switch its auxiliary heads off (aux_logits=False)"
        )
    if not logits.isfinite().all():
        raise InputError(f"{name} has no finite logits in training mode for {IMAGES} random images")
    if not logits.requires_grad:
        raise InputError(f"{name} has nothing to train: its logits depend on no such parameter")
