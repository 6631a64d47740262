"""How a network lies in memory while it is trained."""

from __future__ import annotations

import torch
from torch import nn

from bench.config.schema import MemoryFormat

_TORCH: dict[MemoryFormat, torch.memory_format] = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


def pick_memory_format(wish: MemoryFormat, device: torch.device) -> MemoryFormat:
    """``auto`` takes ``channels_last`` on CUDA devices, ``contiguous`` elsewhere.

    CUDA's matrix units read images with their channels last; in another order every convolution
    in bfloat16 begins and ends with a transposition. On a CPU it depends on the network, and who
    wants it says so: there the numbers of earlier runs are to be had again, bit for bit.
    """
    if wish == "auto":
        return "channels_last" if device.type == "cuda" else "contiguous"
    return wish


def lay_out(network: nn.Module, *, device: torch.device, memory_format: MemoryFormat) -> nn.Module:
    """Move a network to a device, its convolutions' weights in an order of dimensions.

    Activations follow the weights.

    Args:
        network: on any device.
        device: where it is to be trained.
        memory_format: as in the settings.

    Returns:
        The same network.
    """
    # Two calls, since torch's signatures take a device or a memory format.
    network.to(device)
    return network.to(memory_format=_TORCH[pick_memory_format(memory_format, device)])
