"""Networks without memory, which are slow to build all the same."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from baselines.backbones import create

CLASSES = 1000
"""Number of ImageNet's classes, with which sizes of networks are told."""


@cache
def without_memory(name: str) -> nn.Module:
    """One of timm's networks; its tests leave it trained in full."""
    with torch.device("meta"):
        return create(name, in_channels=1, outputs=CLASSES, image_size=96, pretrained=False)
