"""Arithmetic, traffic and limits, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench.costs import model_costs
from bench.errors import InputError
from bench.registry import MODELS, ModelEntry
from bench.speed.work import Ceilings, Product, Work, count_work

H200 = Ceilings(flops=790e12, bandwidth=4.3e12)


def entry_of(make: Callable[[int, int, int], nn.Module]) -> ModelEntry:
    def factory(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:
        return make(in_channels, outputs, image_size)

    return ModelEntry(name="mine", description="a plugin's", target=factory, source="mine")


def products(make: Callable[[int, int, int], nn.Module], *, side: int = 8) -> tuple[Product, ...]:
    return count_work(entry_of(make), in_channels=1, image_size=side).products


def test_a_network_by_hand() -> None:
    work = count_work(
        entry_of(
            lambda channels, outputs, _: nn.Sequential(
                nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
                nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, bias=False), nn.AdaptiveAvgPool2d(1),
                nn.Flatten(), nn.Linear(6, outputs),
            )
        ),
        in_channels=1,
        image_size=8,
    )  # fmt: skip
    assert work.products == (
        Product(
            multiply_adds=64 * 9 * 4, activations=64 + 64 * 4, weights=36 + 4, reads_image=True
        ),
        Product(
            multiply_adds=4 * 36 * 6, activations=16 * 4 + 4 * 6, weights=216, reads_image=False
        ),
        Product(multiply_adds=12, activations=6 + 2, weights=12 + 2, reads_image=False),
    )
    assert work.parameters == 40 + 8 + 216 + 14
    assert work.multiply_adds == 2304 + 864 + 12


def test_the_roofline_by_hand() -> None:
    work = Work(
        products=(
            Product(multiply_adds=500, activations=10, weights=40, reads_image=True),
            Product(multiply_adds=50, activations=20, weights=20, reads_image=False),
        ),
        parameters=60,
    )
    ceilings = Ceilings(flops=100.0, bandwidth=10.0)
    inference = work.inference_limit(ceilings, batch_size=4, precision="float32")
    # 1000 flop and 4 · (10 + 10) bytes; 100 flop and 4 · (20 + 5) bytes.
    assert (inference.flop, inference.traffic) == (1100.0, 180.0)
    assert (inference.arithmetic_seconds, inference.traffic_seconds) == (11.0, 18.0)
    assert inference.seconds == max(10.0, 8.0) + max(1.0, 10.0)
    assert inference.images_per_second == 1 / 20
    training = work.training_limit(ceilings, batch_size=4, precision="float32")
    # Two products for the first, three for the second; the optimiser moves 20 · 60 / 4 bytes.
    assert (training.flop, training.traffic) == (2 * 1000 + 3 * 100, 2 * 80 + 3 * 100 + 300)
    assert training.seconds == max(20.0, 16.0) + max(3.0, 30.0) + 30.0
    # In bfloat16 products move half as much, the optimiser as much as before.
    halved = work.training_limit(ceilings, batch_size=4, precision="bfloat16")
    assert halved.traffic == 80 + 150 + 300
    assert halved.seconds == 20.0 + 15.0 + 30.0


def test_cxnet_m1_by_hand() -> None:
    work = count_work(MODELS.get("cxnet_m1"), in_channels=1, image_size=224)
    first = 224**2 * 9 * 32
    assert work.multiply_adds == 3_045_885_952
    limit = work.training_limit(H200, batch_size=32, precision="bfloat16")
    assert limit.flop == 6 * 3_045_885_952 - 2 * first
    elements = {  # inputs and outputs of the convolutions
        "conv1": 224**2 * (1 + 32),
        "others": 112**2 * (32 + 64) + 56**2 * (64 + 128) + 28**2 * (128 + 1024) + 1024 + 2,
    }
    # Batch norm's 2,048 parameters are no product's.
    weights = 3_374_594 - 2_048
    first_weights = 9 * 32 + 32
    moved = 2 * (
        2 * elements["conv1"]
        + 3 * elements["others"]
        + (3 * (weights - first_weights) + 2 * first_weights) / 32
    )
    assert limit.traffic == pytest.approx(moved + 20 * 3_374_594 / 32, rel=1e-12)


@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_every_model_has_the_multiply_adds_that_are_listed(name: str) -> None:
    shape = {"in_channels": 3, "image_size": 96}
    work = count_work(MODELS.get(name), **shape)
    costs = model_costs(MODELS.get(name), outputs=2, **shape)
    assert (work.multiply_adds, work.parameters) == (costs.multiply_adds, costs.parameters)
    assert [product.reads_image for product in work.products].index(True) == 0


class Attention(nn.Module):
    """One head over the pixels; fused, or with its matrix of weights in memory."""

    def __init__(self, outputs: int, *, fused: bool) -> None:
        super().__init__()
        self.out = nn.Linear(64, outputs)
        self.fused = fused

    def forward(self, images: Tensor) -> Tensor:
        x = images.view(-1, 1, 16, 4) * 2.0
        if self.fused:
            y = nn.functional.scaled_dot_product_attention(x, x, x)
        else:
            y = (x @ x.transpose(-1, -2)).softmax(-1) @ x
        answers: Tensor = self.out(y.flatten(1))
        return answers


def test_attention_moves_its_matrix_only_where_it_is_not_fused() -> None:
    fused = products(lambda _, outputs, __: Attention(outputs, fused=True))
    apart = products(lambda _, outputs, __: Attention(outputs, fused=False))
    assert fused[-1] == apart[-1]
    (attention,) = fused[:-1]
    assert (attention.multiply_adds, attention.activations) == (2 * 16 * 16 * 4, 4 * 64)
    assert [one.multiply_adds for one in apart[:-1]] == [16 * 16 * 4] * 2
    assert [one.activations for one in apart[:-1]] == [64 + 64 + 256, 256 + 64 + 64]
    assert all(one.weights == 0 for one in (*fused[:-1], *apart[:-1]))


def test_weights_made_from_a_parameter_are_shared_by_the_batch() -> None:
    class Standardised(nn.Module):
        def __init__(self, channels: int, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(outputs, channels, 8, 8))

        def forward(self, images: Tensor) -> Tensor:
            weight = self.weight - self.weight.mean()
            return nn.functional.conv2d(images, weight).flatten(1)

    (only,) = products(lambda channels, outputs, _: Standardised(channels, outputs))
    assert (only.activations, only.weights) == (64 + 2, 2 * 64)


def test_a_network_that_looks_at_numbers_is_counted_too() -> None:
    class Looking(nn.Linear):
        def forward(self, images: Tensor) -> Tensor:
            assert float(images.abs().sum()) == 0
            return super().forward(images.flatten(1))

    (only,) = products(lambda _, outputs, side: Looking(side**2, outputs))
    assert (only.multiply_adds, only.activations, only.weights) == (128, 66, 130)
    assert only.reads_image


def test_a_network_that_cannot_take_the_size_says_so() -> None:
    with pytest.raises(InputError, match="at least 75 px"):
        count_work(MODELS.get("inception_v3"), in_channels=1, image_size=32)
