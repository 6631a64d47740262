"""The CBR family: its sizes are those of the paper's table, and it takes images of any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from baselines.cbr import cbr_large_t, cbr_large_w, cbr_small, cbr_tiny

PARAMETERS = {
    cbr_large_t: 8_532_480,
    cbr_large_w: 8_432_128,
    cbr_small: 2_108_672,
    cbr_tiny: 1_076_480,
}


@pytest.mark.parametrize("make", PARAMETERS)
def test_parameters_are_those_of_the_papers_table(make: Callable[..., nn.Sequential]) -> None:
    """Counted as the paper's: without the first convolution, batch norm and bias."""
    with torch.device("meta"):
        network = make(in_channels=1, outputs=5)
    kernels = [p.numel() for p in network.parameters() if p.ndim > 1]
    assert sum(kernels[1:]) == PARAMETERS[make]


@pytest.mark.parametrize("make", [cbr_large_t, cbr_tiny])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 33)])
def test_trains_a_step(make: Callable[..., nn.Sequential], channels: int, side: int) -> None:
    network = make(in_channels=channels, outputs=3)
    logits = network(torch.rand(2, channels, side, side))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("make", PARAMETERS)
def test_four_poolings_halve_the_image_each(make: Callable[..., nn.Sequential]) -> None:
    with torch.device("meta"):
        body = make(in_channels=1, outputs=2)[:-3]
        assert body(torch.empty(1, 1, 224, 224)).shape[2:] == (14, 14)
