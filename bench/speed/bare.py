"""A training loop as one writes it by hand in an hour: the reference of ``--against bare``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.config.schema import Precision
from bench.data.batches import ImageSet


class BareLoop:
    """All images in the device's memory, a random index, SGD with momentum; no layout, no graph.

    Args:
        network: on any device, in torch's own layout from here on.
        images: one channel.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
    """

    def __init__(
        self, network: nn.Module, images: ImageSet, *, batch_size: int, precision: Precision
    ) -> None:
        device = images.device
        # torch's signature names the memory formats of `to` and its devices in separate overloads.
        self.network = network.to(device).to(memory_format=torch.contiguous_format).train()
        everything = np.arange(len(images))
        self._images, self._targets = images.images_at(everything), images.targets_at(everything)
        normalisation = images.normalisation
        self._mean, self._std = 255 * normalisation.mean, 255 * normalisation.std
        self._batch_size = batch_size
        self._optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
        self._autocast = torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
        )

    def __call__(self) -> Tensor:
        """Take a step on random images; returns their mean loss, on the device."""
        count = len(self._images)
        return self.step(torch.randint(count, (self._batch_size,), device=self._images.device))

    def step(self, index: Tensor) -> Tensor:
        """Take a step on the images at an index; returns their mean loss, on the device."""
        x = (self._images[index].float() - self._mean) / self._std
        with self._autocast:
            loss: Tensor = cross_entropy(self.network(x), self._targets[index])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()
