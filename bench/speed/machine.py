"""The machine that figures were measured on: the rate of its arithmetic, and its peak memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bench.config.schema import MemoryFormat, Precision
from bench.environment import EnvironmentRecord, describe_environment
from bench.speed.case import Case
from bench.speed.timing import Stopwatch
from bench.train.device import pick_memory_format, pick_precision
from bench.train.errors import memory_errors_explained

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Sides of the square matrices: too small ones do not fill the device, too large ones take long.
_SIDES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Machine that figures were measured on.

    Attributes:
        precision, memory_format: what ``auto`` is on this device.
        flops: additions and multiplications a second in large matrix products; None where it was
            not measured.
    """

    environment: EnvironmentRecord
    precision: Precision
    memory_format: MemoryFormat
    flops: float | None = None


def describe_machine(case: Case, *, repeats: int) -> Machine:
    """Describe this machine for a case's device and threads.

    Args:
        repeats: measurements of the device's rate; 0 leaves it out.
    """
    device = case.begin()
    precision = pick_precision("auto", device)
    flops = None
    if repeats:
        with memory_errors_explained("measuring the device's rate: end what else runs there"):
            flops = measure_flops(device, precision=precision, repeats=repeats)
    return Machine(
        environment=describe_environment(device),
        precision=precision,
        memory_format=pick_memory_format("auto", device),
        flops=flops,
    )


def measure_flops(device: torch.device, *, precision: Precision, repeats: int) -> float:
    """Additions and multiplications a second in large matrix products, with the threads set.

    The best of the repeats, since what disturbs a device only slows it, and of the sizes. Float32
    on CUDA is measured with TF32, in which torch computes convolutions there by default.
    """
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    rates = []
    try:
        for side in _SIDES[device.type]:
            # Random numbers: on constants a GPU draws less power, and runs faster than it can.
            random = torch.Generator(device).manual_seed(0)
            shape = (2, side, side)
            a, b = torch.randn(shape, generator=random, device=device).to(_TYPES[precision])
            product = partial(torch.mm, a, b, out=torch.empty_like(a))
            calls = Stopwatch(product, block_seconds=_SECONDS).repeats(repeats)
            rates.append(2.0 * side**3 * max(calls.values))
    finally:
        torch.set_float32_matmul_precision(before)
    return max(rates)


def peak_memory(device: torch.device) -> int:
    """Peak memory so far, in bytes.

    Returns:
        On CUDA what torch had given out of the device's memory at most; on a CPU the peak
        resident set of the process, which holds torch itself.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        # Not getrusage's figure, in which Linux counts the parent's memory before `exec`.
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])
