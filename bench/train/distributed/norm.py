"""Batch norm over the images of all processes of a training.

On a GPU it is torch's own. Torch has none for a CPU; the one here is for that alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bench.errors import InputError

if TYPE_CHECKING:
    Base = nn.BatchNorm2d
else:
    Base = object


class SynchronisedOnCpu(Base):
    """Batch norm over the images of all processes in training; stands before its class."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise by mean and variance over the images of all processes, in training.

        Args:
            input: (images of this process, channels, ...).
        """
        if not self.training:
            return super().forward(input)
        x = input if input.dtype == torch.float64 else input.float()
        dims = [dim for dim in range(x.ndim) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(x.ndim)]
        own = x.new_tensor([x.numel() / x.shape[1]])
        sums = _sum(torch.cat([x.sum(dims), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(shape)
        # From the differences: the difference of two large sums would have lost its digits.
        variance = _sum(centred.square().sum(dims)) / count
        self._take_down(mean.detach(), variance.detach() * (count / (count - 1)))
        y = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        y = y.to(input.dtype)
        for name in ("drop", "act"):  # of timm's
            if hasattr(self, name):
                y = getattr(self, name)(y)
        return y

    def _take_down(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        weight = 1 / self.num_batches_tracked.item() if momentum is None else momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance, weight)


class _Sum(torch.autograd.Function):
    """The sum over all processes; each gets the sum of the gradients of all."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)
    return total


def synchronised(network: nn.Module, *, device: torch.device) -> nn.Module:
    """A network whose batch norms see the images of all processes; its state has the same keys.

    Args:
        network: on the device; its batch norms are replaced in place.
    """
    known: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    convert = nn.SyncBatchNorm.convert_sync_batchnorm
    if "timm" in sys.modules:  # slow to import; without it the network is none of timm's
        from timm.layers import BatchNormAct2d
        from timm.layers import convert_sync_batchnorm as convert

        known = (*known, BatchNormAct2d)
    on_cpu: dict[type[nn.Module], type[nn.Module]] = {
        kind: type(f"Cpu{kind.__name__}", (SynchronisedOnCpu, kind), {}) for kind in known
    }
    for name, module in network.named_modules():
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):
            continue
        if type(module) not in known:
            raise InputError(
                f"batch norm {name!r} is a {type(module).__name__}, which cannot be synchronised "
                "over devices: train with train.devices=1"
            )
        if device.type == "cpu":
            # The same state, and another forward pass.
            module.__class__ = on_cpu[type(module)]  # type: ignore[assignment]
    if device.type != "cpu":
        network = convert(network)  # type: ignore[no-untyped-call]
    return network
