"""Features of a frozen pretrained network: what fine-tuning has to beat."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.backbones import BUILT_IN, check_image_size, create, pretrained_normalisation
from baselines.weights import describe_weights, find_weights

__all__ = ["pooled_features", "smallest_at_hand"]


def smallest_at_hand(image_size: int, *, weights_dir: Path | None = None) -> str | None:
    """The smallest built-in network that takes such images and whose weights are on this machine.

    Args:
        image_size: side of the square images in pixels.
        weights_dir: a folder written by :func:`baselines.weights.fetch_weights`, looked at first.

    Returns:
        timm's name, or None where no weights are here. Nothing is fetched.
    """
    for name, size in BUILT_IN.items():
        fits = image_size >= size.smallest and image_size % size.multiple == 0
        if fits and find_weights(describe_weights(name), weights_dir=weights_dir) is not None:
            return name
    return None


@torch.inference_mode()
def pooled_features(
    images: NDArray[np.uint8] | Tensor,
    name: str,
    *,
    weights_dir: Path | None = None,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Pooled features of each image, as a pretrained network gives them to its classifier.

    The network is in evaluation mode, and its input is scaled as in its pretraining. The result for
    an image does not depend on the others, but for rounding.

    Args:
        images: gray values, uint8 (n, side, side); a tensor's device is the one that computes.
        name: timm's name, such as :func:`smallest_at_hand` gives.
        weights_dir: a folder written by :func:`baselines.weights.fetch_weights`, looked at first.
        batch_size: images at once.

    Returns:
        Features (n, features), after global pooling.

    Raises:
        ValueError: the images are of another shape or type, or too small for the network.
        MissingWeightsError: its weights are neither here nor to be had.
    """
    pixels = torch.as_tensor(images)
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[1] != pixels.shape[2]:
        raise ValueError(
            f"images are {pixels.dtype} {tuple(pixels.shape)}: give uint8 (n, side, side)"
        )
    side = int(pixels.shape[1])
    check_image_size(name, side)
    network = create(
        name,
        in_channels=1,
        outputs=1,
        image_size=side,
        pretrained=True,
        weights_dir=weights_dir,
    )
    cast(Any, network).reset_classifier(0)
    network.eval().to(pixels.device)
    mean, std = pretrained_normalisation(name)
    batches = []
    for start in range(0, len(pixels), batch_size):
        batch = pixels[start : start + batch_size].unsqueeze(1)
        batches.append(network((batch / 255.0 - mean) / std).cpu())
    return torch.cat(batches).numpy()
