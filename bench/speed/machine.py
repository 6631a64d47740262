"""What this device can do at best, measured: the ceilings that a network's limit rests on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from bench.config.schema import Precision
from bench.randomness import derive_seed
from bench.speed.repeats import long_enough, seconds_of
from bench.speed.work import Ceilings

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Sides of the square matrices: too small ones do not fill the device, too large ones take long.
_SIDES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
# Far more than any cache holds.
_COPIED_BYTES = {"cpu": 2**28, "cuda": 2**31}
_SECONDS = 0.2


def measure_ceilings(device: torch.device, *, precision: Precision, repeats: int) -> Ceilings:
    """Measure a device's rate in large matrix products, and its bandwidth in a large copy.

    Both with the present number of threads; each figure is the best of its repeats, since what
    disturbs a device only slows it, and the rate is that of the best size. Float32 on CUDA is
    measured with TF32, in which torch computes convolutions there unless it is told otherwise.

    Args:
        device: what to measure.
        precision: ``float32`` or ``bfloat16``.
        repeats: measurements of each.
    """
    rates = [
        2.0
        * side**3
        * _per_second(
            _product(side, device=device, precision=precision), device=device, repeats=repeats
        )
        for side in _SIDES[device.type]
    ]
    source = torch.ones(_COPIED_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copies = _per_second(partial(target.copy_, source), device=device, repeats=repeats)
    # Every byte is read and written.
    return Ceilings(flops=max(rates), bandwidth=2.0 * source.numel() * copies)


def _product(side: int, *, device: torch.device, precision: Precision) -> Callable[[], object]:
    """Multiplies two square matrices."""
    # Of random numbers: on constants a GPU draws less power, and runs faster than it can.
    random = torch.Generator(device).manual_seed(derive_seed(0, "ceilings"))
    shape = (2, side, side)
    a, b = torch.randn(shape, generator=random, device=device).to(_TYPES[precision])
    return partial(torch.mm, a, b, out=torch.empty_like(a))


def _per_second(once: Callable[[], object], *, device: torch.device, repeats: int) -> float:
    """How often a second something can be done, the best of some measurements."""

    def run(times: int) -> None:
        for _ in range(times):
            once()

    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        times = long_enough(run, device=device, seconds=_SECONDS)
        seconds = [seconds_of(partial(run, times), device=device) for _ in range(repeats)]
    finally:
        torch.set_float32_matmul_precision(before)
    return times / min(seconds)
