from __future__ import annotations

import pytest
import torch

from bench.train.device import random_state_kept, seed_step
from tests.cuda import needs_cuda

on_each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])


def draws(device: str) -> list[float]:
    return [torch.rand(()).item(), torch.rand((), device=device).item()]


@on_each_device
def test_the_callers_random_state_is_left_as_it_was(device: str) -> None:
    torch.manual_seed(1)
    expected = draws(device)
    torch.manual_seed(1)
    with random_state_kept(torch.device(device)):
        torch.manual_seed(2)
        assert draws(device) != expected
    assert draws(device) == expected


@on_each_device
def test_a_step_draws_what_it_would_after_torchs_own_call(device: str) -> None:
    torch.manual_seed(2**62 + 1)
    expected = draws(device)
    torch.manual_seed(0)
    seed_step(2**62 + 1, torch.device(device))
    assert draws(device) == expected
