"""The loop that a careful person writes by hand in an hour: what the harness is held against."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.config.schema import Precision
from bench.data.normalisation import Normalisation


class BareLoop:
    """All images in the device's memory, a random index, SGD with momentum; no layout, no graph.

    Args:
        network: on any device, in torch's own layout from here on.
        pixels: (images, side, side) uint8.
        targets: (images,) int64.
        normalisation: of the pixels.
        in_channels: 1, or 3 for the same image three times.
        batch_size: images a step.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
        device: where to train.
        fused: whether SGD updates all parameters in one call; None leaves it to torch.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        pixels: NDArray[np.uint8],
        targets: NDArray[np.int64],
        normalisation: Normalisation,
        in_channels: int,
        batch_size: int,
        precision: Precision,
        device: torch.device,
        fused: bool | None = None,
    ) -> None:
        # torch's signature names the memory formats of `to` and its devices in separate overloads.
        self._network = network.to(device).to(memory_format=torch.contiguous_format).train()
        self._images = torch.from_numpy(pixels).unsqueeze(1).to(device)
        self._targets = torch.from_numpy(targets).to(device)
        self._mean, self._std = 255 * normalisation.mean, 255 * normalisation.std
        self._in_channels = in_channels
        self._batch_size = batch_size
        self._optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=fused)
        self._autocast = torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
        )

    def __call__(self, steps: int) -> None:
        """Do some more steps."""
        for _ in range(steps):
            self.step(torch.randint(len(self._images), (self._batch_size,), device=self.device))

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self._images.device

    def step(self, index: Tensor) -> Tensor:
        """Learn from the images at an index; returns their mean loss, on the device."""
        x = (self._images[index].float() - self._mean) / self._std
        x = x.expand(-1, self._in_channels, -1, -1)
        with self._autocast:
            loss: Tensor = cross_entropy(self._network(x), self._targets[index])
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.detach()
