"""A network with its normalisation and its activation, from gray values to probabilities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.data.normalisation import Normalisation
from bench.registry import TargetKind


class DeployedNetwork(nn.Module):
    """A network that takes gray squares and gives probabilities: the graph that is exported.

    Normalisation and activation are part of it, so that whoever runs the file cannot get them
    wrong. It computes in float32, whatever its network was trained in.

    Args:
        network: from (n, channels, side, side) to logits (n, classes), on the CPU.
        normalisation: of its input.
        in_channels: 1, or 3 for the same image three times.
        kind: ``multiclass`` (softmax) or ``multilabel`` (sigmoid).
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        normalisation: Normalisation,
        in_channels: int,
        kind: TargetKind,
    ) -> None:
        super().__init__()
        # In torch's usual order of dimensions: the order changes no result, only the speed.
        self.network = network.to(memory_format=torch.contiguous_format).eval()
        self.normalisation = normalisation
        self.in_channels, self.kind = in_channels, kind
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, float32 (n, classes), of gray squares, uint8 (n, side, side)."""
        scale = 1.0 / (255.0 * self.normalisation.std)
        shift = -self.normalisation.mean / self.normalisation.std
        x = (pixels.to(torch.float32) * scale + shift).unsqueeze(1)
        if self.in_channels > 1:
            x = x.expand(-1, self.in_channels, -1, -1)
        logits: Tensor = self.network(x)
        return logits.softmax(1) if self.kind == "multiclass" else logits.sigmoid()

    def around(self, network: nn.Module) -> DeployedNetwork:
        """The same with another network of the same shape."""
        return DeployedNetwork(
            network,
            normalisation=self.normalisation,
            in_channels=self.in_channels,
            kind=self.kind,
        )
