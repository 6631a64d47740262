"""The precision that a network computes in."""

from __future__ import annotations

import torch

from bench.config.schema import Precision


def pick_precision(wish: Precision, device: torch.device) -> Precision:
    """``auto`` takes bfloat16 on CUDA devices that compute in it, float32 elsewhere.

    Some CPUs compute in bfloat16 too, and some networks gain by it there while others lose
    (``results/speed``): who wants it says so.
    """
    if wish == "auto":
        capable = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if capable else "float32"
    return wish


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast on a device, switched on only for bfloat16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
