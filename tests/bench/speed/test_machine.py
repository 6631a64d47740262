"""The ceilings of a device."""

from __future__ import annotations

import pytest
import torch

from bench.config.schema import Precision
from bench.speed import machine
from bench.speed.machine import measure_ceilings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SIDES", {"cpu": (8, 16, 12)})
    monkeypatch.setattr(machine, "_COPIED_BYTES", {"cpu": 1024})
    monkeypatch.setattr(machine, "_SECONDS", 1e-4)


def test_the_best_size_counts_and_bytes_are_read_and_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The least of three each time: of the products' seconds, then of the copy's.
    seconds = iter([1.0, 3.0, 2.0, 8.0, 9.0, 4.0, 1.0, 1.0, 1.0, 0.5, 0.25, 2.0])
    monkeypatch.setattr(machine, "long_enough", lambda *_, **__: 10)
    monkeypatch.setattr(machine, "seconds_of", lambda *_, **__: next(seconds))
    ceilings = measure_ceilings(CPU, precision="float32", repeats=3)
    assert ceilings.flops == max(2 * 8**3 * 10.0, 2 * 16**3 * 2.5, 2 * 12**3 * 10.0)
    assert ceilings.bandwidth == 2 * 1024 * 40.0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_cpu_has_ceilings_in_both_precisions(precision: Precision) -> None:
    state = torch.get_rng_state()
    ceilings = measure_ceilings(CPU, precision=precision, repeats=2)
    assert ceilings.flops > 0
    assert ceilings.bandwidth > 0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_float32_matmul_precision() == "highest"
