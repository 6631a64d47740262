from __future__ import annotations

import pytest
import torch

from bench.train.device import random_state_kept, seed_step
from tests.cuda import needs_cuda


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_the_callers_random_state_is_left_as_it_was(device: str) -> None:
    def draws() -> list[float]:
        return [torch.rand(()).item(), torch.rand((), device=device).item()]

    torch.manual_seed(1)
    expected = draws()
    torch.manual_seed(1)
    with random_state_kept(torch.device(device)):
        torch.manual_seed(2)
        assert draws() != expected
    assert draws() == expected


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_a_step_draws_what_it_would_after_torchs_own_call(device: str) -> None:
    def draws() -> list[float]:
        return [torch.rand(()).item(), torch.rand((), device=device).item()]

    torch.manual_seed(2**62 + 1)
    expected = draws()
    torch.manual_seed(0)
    seed_step(2**62 + 1, torch.device(device))
    assert draws() == expected
