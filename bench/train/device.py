"""Device settings of a training: precision, memory format, and torch's random state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from bench.config.schema import MemoryFormat, Precision

_FORMATS: dict[MemoryFormat, torch.memory_format] = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


def pick_precision(requested: Precision, device: torch.device) -> Precision:
    """Resolve ``auto``: bfloat16 on CUDA devices that compute in it, float32 elsewhere.

    Some CPUs compute in bfloat16 too. Some networks gain by it there and others lose
    (``results/speed``), so it is never the default on a CPU.
    """
    if requested == "auto":
        capable = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if capable else "float32"
    return requested


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast on a device, enabled only for bfloat16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def pick_memory_format(requested: MemoryFormat, device: torch.device) -> MemoryFormat:
    """Resolve ``auto``: ``channels_last`` on CUDA devices, ``contiguous`` elsewhere.

    CUDA's matrix units read images with their channels last; in another order every convolution
    in bfloat16 begins and ends with a transposition. On a CPU the gain depends on the network, and
    the default keeps the numbers of a seed the same.
    """
    if requested == "auto":
        return "channels_last" if device.type == "cuda" else "contiguous"
    return requested


def lay_out(network: nn.Module, *, device: torch.device, memory_format: MemoryFormat) -> nn.Module:
    """Move a network to a device and its weights to a memory format; activations follow them.

    Returns:
        The same network.
    """
    # Two calls, since torch's signatures take a device or a memory format.
    network.to(device)
    return network.to(memory_format=_FORMATS[pick_memory_format(memory_format, device)])


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Restore torch's global random state at the end, on the CPU and on the device.

    No other device is touched: that would create a context, and take memory, on every one.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def seed_step(seed: int, device: torch.device) -> None:
    """Seed the generators that a step draws from: the host's and the device's own.

    ``torch.manual_seed`` seeds every kind of device there is and formats a traceback for each one
    that is not used, which took 0.6 ms at every step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was given; a CPU has done it already."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
