"""Energy that a device's driver has counted.

On CUDA devices NVIDIA's management library, which comes with the driver, counts the whole board's
(``nvmlDeviceGetTotalEnergyConsumption``, Volta and later). On a CPU Linux counts that of the
processor packages (``/sys/class/powercap``, RAPL), where it lets the user read it: on most systems
only root may. Both count everything that runs there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import torch

_RAPL = Path("/sys/class/powercap")
# Packages alone: their parts (cores, graphics) are named intel-rapl:0:0 and are contained in them.
_PACKAGES = "intel-rapl:[0-9]"


def energy_counter(device: torch.device) -> Callable[[], float] | None:
    """Something that reads the joules counted so far; None where the driver does not tell.

    Only differences mean anything.
    """
    return _of_gpu(device) if device.type == "cuda" else of_packages()


def of_packages(folder: Path = _RAPL) -> Callable[[], float] | None:
    """Of the processor packages, from the files of Linux's power capping framework."""
    files = [package / "energy_uj" for package in sorted(folder.glob(_PACKAGES))]
    try:
        ranges = [float((file.parent / "max_energy_range_uj").read_text()) for file in files]
        last = [float(file.read_text()) for file in files]
    except (OSError, ValueError):
        return None
    if not files:
        return None
    total = 0.0

    def joules() -> float:
        nonlocal last, total
        now = [float(file.read_text()) for file in files]
        # Each counter begins again at zero when its range is used up.
        total += sum((new - old) % size for new, old, size in zip(now, last, ranges, strict=True))
        last = now
        return total / 1e6

    return joules


def _of_gpu(device: torch.device) -> Callable[[], float] | None:
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        begin, find = library.nvmlInit_v2, library.nvmlDeviceGetHandleByUUID
        count = library.nvmlDeviceGetTotalEnergyConsumption
    except (OSError, AttributeError):  # no driver, or one from before a function
        return None
    # By its identity: the library numbers boards otherwise than CUDA_VISIBLE_DEVICES does.
    name = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
    board = ctypes.c_void_p()
    millijoules = ctypes.c_ulonglong()
    if begin() or find(name, ctypes.byref(board)) or count(board, ctypes.byref(millijoules)):
        return None

    def joules() -> float:
        count(board, ctypes.byref(millijoules))
        return millijoules.value / 1e3

    return joules
