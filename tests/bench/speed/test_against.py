"""The training step beside a hand-written loop: the same computation, in turns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.randomness import derive_seed
from bench.speed.against import SpeedComparison, bare_loop, compare
from bench.speed.case import Case, Workbench
from bench.speed.timing import Repeats
from tests.cuda import needs_cuda


@pytest.mark.parametrize("model", ["cxnet_m1", "mobilenetv3_small_100"])
def test_the_bare_loop_computes_what_the_harness_computes(model: str) -> None:
    case = Case(model=model, image_size=32, batch_size=8, device="cpu")
    bench = Workbench(case)
    bare = bare_loop(case, bench)
    bare.network.load_state_dict(bench.network.state_dict())
    for network in (bare.network, bench.network):
        # In float32 the batch norms of so few pixels enlarge roundings beyond any use. What is
        # left is that of the normalised images.
        network.double().register_forward_pre_hook(lambda _, images: (images[0].double(),))
    our_loss = bench.step(0)
    # Both draw dropout from the global generator.
    torch.manual_seed(derive_seed(0, "dropout", 0))
    their_loss = bare.step(torch.from_numpy(bench.step.stream.positions(0)))
    assert float(their_loss) == pytest.approx(float(our_loss), rel=1e-6)
    assert difference(gradients(bare.network), gradients(bench.network)) < 1e-4
    assert difference(weights(bare.network), weights(bench.network)) < 1e-6


def gradients(network: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def weights(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def difference(one: Tensor, other: Tensor) -> float:
    """Length of the difference relative to that of the other."""
    return float((one - other).norm() / other.norm())


def test_rounds_and_their_ratios() -> None:
    case = Case(model="cxnet_m1", image_size=8, batch_size=4, device="cpu")
    found = compare(case, rival="bare", rounds=3, block_seconds=1e-3)
    assert (found.model, found.rival) == ("cxnet_m1", "bare")
    assert len(found.harness.values) == len(found.other.values) == 3


def test_ratios_are_of_each_round() -> None:
    found = SpeedComparison(
        model="m", rival="bare", steps=1, harness=Repeats((2.0, 9.0)), other=Repeats((4.0, 3.0))
    )
    expected = {"median": 1.75, "min": 0.5, "max": 3.0, "repeats": [0.5, 3.0]}
    assert found.describe()["ratio"] == expected


@needs_cuda
def test_the_captured_step_beside_the_plain_one() -> None:
    case = Case(model="cxnet_m1", image_size=64, device="cuda")
    assert len(compare(case, rival="eager", rounds=2, block_seconds=0.01).ratios.values) == 2
