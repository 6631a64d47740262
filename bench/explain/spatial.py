"""The last layer of a network whose output still has positions, found by a forward pass."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

Layout = Literal["channels_first", "channels_last", "tokens"]
MOST_PREFIXES = 5
"""Most tokens before those of the positions: a class token, a distillation token, registers."""


@dataclass(frozen=True, kw_only=True)
class SpatialLayer:
    """A layer whose output has features at each position of a square grid."""

    name: str  # of the module in the network
    module: nn.Module
    # Order of its output's axes: (n, c, side, side), (n, side, side, c), or (n, tokens, c)
    # with the positions last, as vision transformers have them.
    layout: Layout
    channels: int  # number of features, c
    side: int  # of the grid

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (n, c, side, side) of the layer's output, and its tokens without a position."""
        if self.layout == "channels_first":
            return output, None
        if self.layout == "channels_last":
            return output.permute(0, 3, 1, 2), None
        first = output.shape[1] - self.side**2
        positions = output[:, first:].transpose(1, 2)
        grid = positions.reshape(*positions.shape[:2], self.side, self.side)
        return grid, output[:, :first]

    def join(self, features: Tensor, others: Tensor | None) -> Tensor:
        """The layer's output, from the two parts that :meth:`split` gives."""
        if self.layout == "channels_first":
            return features
        if others is None:
            return features.permute(0, 2, 3, 1)
        return torch.cat([others, features.flatten(2).transpose(1, 2)], dim=1)


def find_spatial_layer(network: nn.Module, example: Tensor) -> SpatialLayer | None:
    """The last layer with positions that the logits depend on; None where there is none.

    The network is in evaluation mode, from (n, channels, side, side) to logits (n, classes); the
    example is some input of at least two images, whose pixels must differ. A vision transformer
    that answers from its class token does not look at the other tokens of its last block: there it
    is the layer before the last attention.
    """
    names = {module: name for name, module in network.named_modules()}
    outputs: dict[nn.Module, Any] = {}
    calls: Counter[nn.Module] = Counter()

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        calls[module] += 1
        outputs.pop(module, None)  # the order is that of the layers' ends
        outputs[module] = output

    with ExitStack() as hooks, torch.enable_grad():
        for module in names:
            hooks.enter_context(module.register_forward_hook(keep))
        logits = network(example.detach().requires_grad_())
        candidates = [
            (layer, output)
            for module, output in reversed(outputs.items())
            if calls[module] == 1  # of a module at several places nobody knows which is meant
            and (layer := _as_spatial(names[module], module, output, images=len(example)))
        ]
        if not candidates:
            return None
        # Attention has maps of its own between the layers; they have other channels.
        channels = candidates[0][0].channels
        gradients = torch.autograd.grad(
            logits.square().sum(), [output for _, output in candidates], allow_unused=True
        )
    for (layer, _), gradient in zip(candidates, gradients, strict=True):
        if layer.channels == channels and gradient is not None:
            features, _ = layer.split(gradient)
            if features.any():
                return layer
    return None


def _as_spatial(name: str, module: nn.Module, output: Any, *, images: int) -> SpatialLayer | None:
    """The layer where its output is one with positions, of one gradient at least."""
    if not isinstance(output, Tensor) or not output.requires_grad or len(output) != images:
        return None
    shape = output.shape
    layout: Layout
    if output.ndim == 4 and shape[2] == shape[3] > 1:
        layout, channels, side = "channels_first", shape[1], shape[2]
    elif output.ndim == 4 and shape[1] == shape[2] > 1:
        layout, channels, side = "channels_last", shape[3], shape[1]
    elif output.ndim == 3:
        side = math.isqrt(shape[1])
        layout, channels = "tokens", shape[2]
        if side < 2 or shape[1] - side**2 > MOST_PREFIXES:
            return None
    else:
        return None
    return SpatialLayer(name=name, module=module, layout=layout, channels=channels, side=side)
