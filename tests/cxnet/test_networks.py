"""The paper's networks: their sizes, their order, and that they can be trained."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import nn

from cxnet import MIN_IMAGE_SIZE, CXNetM1, CXNetM1V2, DropoutPlace


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("in_channels", "expected"), [(1, 3_374_594), (3, 3_375_170)])
def test_cxnet_m1_has_the_papers_parameter_count(in_channels: int, expected: int) -> None:
    assert parameters(CXNetM1(in_channels=in_channels, outputs=2)) == expected


@pytest.mark.parametrize(
    ("kernel", "expected"), [(3, 1_277_442), (5, 3_374_594), (7, 6_520_322), (11, 15_957_506)]
)
def test_conv4s_kernel_sets_the_parameter_count(kernel: int, expected: int) -> None:
    """By hand: conv-1 320, conv-2 18,496, conv-3 73,856, batch norm 2,048, conv-5 2,050, and
    131,072 weights of conv-4 for each position of its kernel, with 1,024 biases. Before conv-4 v2
    has 3,904, 100,416, 204,928 and 409,728, from the kernels 11, 7, 5 and 5."""
    conv4_and_more = 131_072 * kernel**2 + 1_024 + 2_048 + 2_050
    assert expected == 320 + 18_496 + 73_856 + conv4_and_more
    of_v2 = 3_904 + 100_416 + 204_928 + 409_728 + conv4_and_more
    with torch.device("meta"):
        assert parameters(CXNetM1(conv4_kernel=kernel)) == expected
        assert parameters(CXNetM1V2(conv4_kernel=kernel)) == of_v2
        assert parameters(CXNetM1V2()) == 16_583_810


def layers(model: nn.Module) -> list[str]:
    """The layers that hold no others, in order; a convolution with its width and kernel."""
    names = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            names.append(f"conv {module.out_channels} {module.kernel_size[0]}x")
        elif not list(module.children()):
            names.append(type(module).__name__)
    return names


CLASSIFICATION = ["ReLU", "Dropout", "BatchNorm2d", "AdaptiveAvgPool2d", "conv 2 1x", "Flatten"]


def test_the_networks_are_drawn_as_in_figures_5_and_9() -> None:
    assert layers(CXNetM1()) == [
        *("conv 32 3x", "ReLU", "MaxPool2d"),
        *("conv 64 3x", "ReLU", "MaxPool2d"),
        *("conv 128 3x", "ReLU", "MaxPool2d"),
        *("conv 1024 5x", *CLASSIFICATION),
    ]
    assert layers(CXNetM1V2()) == [
        *("conv 32 11x", "ReLU", "MaxPool2d"),
        *("conv 64 7x", "ReLU", "MaxPool2d"),
        *("conv 128 5x", "ReLU", "conv 128 5x", "ReLU", "MaxPool2d"),
        *("conv 1024 11x", *CLASSIFICATION),
    ]


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
def test_dropout_moves_behind_batch_norm_and_nothing_else(
    network: type[CXNetM1] | type[CXNetM1V2],
) -> None:
    torch.manual_seed(0)
    before = network()
    torch.manual_seed(0)
    after = network(dropout_at="after_norm")

    swapped = ["ReLU", "BatchNorm2d", "Dropout", *CLASSIFICATION[3:]]
    assert layers(before)[-len(swapped) :] == CLASSIFICATION
    assert layers(after) == layers(before)[: -len(swapped)] + swapped
    # One seed gives both the same initial weights, under the same names.
    weights = before.state_dict()
    assert after.state_dict().keys() == weights.keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in after.state_dict().items())


def test_dropout_before_batch_norm_shifts_the_variance_it_keeps() -> None:
    """Li et al. 2019. At a rate of 1/2 an activation x becomes 2x or 0, so that its variance
    v = E[x²] − E[x]² becomes 2 E[x²] − E[x]² = 2v + E[x]² in training."""
    torch.manual_seed(0)
    images = torch.rand(4, 1, 64, 64)
    kept = {}
    for place in get_args(DropoutPlace):
        torch.manual_seed(0)
        model = CXNetM1(conv4_kernel=1, dropout_at=place)
        norm = model.get_submodule("classifier.norm")
        assert isinstance(norm, nn.BatchNorm2d)
        norm.momentum = 1.0  # keep this batch's statistics alone
        model(images)
        assert norm.running_var is not None
        assert norm.running_mean is not None
        kept[place] = (norm.running_var, norm.running_mean)
    variance, mean = kept["after_norm"]
    expected = 2 * variance + mean.square()
    shifted, _ = kept["before_norm"]
    assert float(shifted.sum() / expected.sum()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv4_kernel": 4}, "conv4_kernel must be an odd number of pixels, not 4"),
        ({"conv4_kernel": 0}, "conv4_kernel must be .*, not 0"),
        ({"conv4_kernel": -3}, "conv4_kernel must be .*, not -3"),
        ({"conv4_kernel": 5.0}, "conv4_kernel must be .*, not 5.0"),
        ({"conv4_kernel": True}, "conv4_kernel must be .*, not True"),
        ({"conv4_kernel": "5"}, "conv4_kernel must be .*, not '5'"),
        ({"dropout_at": "sideways"}, "must be before_norm or after_norm, not 'sideways'"),
        ({"dropout": 1.1}, "dropout must be a share from 0 to 1, not 1.1"),
        ({"dropout": float("nan")}, "dropout must be .*, not nan"),
        ({"dropout": None}, "dropout must be .*, not None"),
    ],
)
def test_an_option_out_of_range_is_refused(
    network: type[CXNetM1] | type[CXNetM1V2], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        network(**options)


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 11])
def test_conv4_keeps_the_images_size_whatever_its_kernel(
    network: type[CXNetM1] | type[CXNetM1V2], kernel: int
) -> None:
    with torch.device("meta"):
        model = network(conv4_kernel=kernel)
        features = model.blocks(torch.empty(1, 1, 97, 97))
        assert model(torch.empty(2, 1, 511, 511)).shape == (2, 2)
        assert model.get_submodule("classifier.conv4")(features).shape == (1, 1024, 12, 12)


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
@pytest.mark.parametrize(("size", "in_channels", "outputs"), [(MIN_IMAGE_SIZE, 1, 1), (33, 3, 14)])
def test_trains_a_step_at_any_size(
    network: type[CXNetM1] | type[CXNetM1V2], size: int, in_channels: int, outputs: int
) -> None:
    model = network(in_channels=in_channels, outputs=outputs)
    logits = model(torch.rand(2, in_channels, size, size))
    assert logits.shape == (2, outputs)
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


def test_too_small_an_image_does_not_run() -> None:
    with pytest.raises(RuntimeError):
        CXNetM1()(torch.rand(2, 1, MIN_IMAGE_SIZE - 1, MIN_IMAGE_SIZE - 1))


def test_dropout_drops_in_training_only() -> None:
    model = CXNetM1(dropout=0.9)
    images = torch.rand(2, 1, 16, 16)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_initial_activations_neither_vanish_nor_explode() -> None:
    """Kaiming initialisation keeps the spread of activations through the four convolutions."""
    torch.manual_seed(0)
    model = CXNetM1().eval()
    with torch.no_grad():
        features = model.blocks(torch.randn(4, 1, 64, 64))
        spread = float(model.get_submodule("classifier.conv4")(features).std())
    assert 0.3 < spread < 30


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
@pytest.mark.parametrize("dropout_at", get_args(DropoutPlace))
def test_the_class_maps_are_the_heads_weights_times_the_features(
    network: type[CXNetM1 | CXNetM1V2], dropout_at: DropoutPlace
) -> None:
    """The features are taken where they enter the pooling, and the product is written out."""
    torch.manual_seed(0)
    made = network(outputs=3, dropout_at=dropout_at, conv4_kernel=3).eval()
    for name, parameter in made.named_parameters():
        if name.endswith("conv5.bias"):
            torch.nn.init.normal_(parameter)
    seen: list[torch.Tensor] = []
    pool = made.get_submodule("classifier.pool")
    pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(2, 1, 33, 40)
    with torch.inference_mode():
        logits, maps = made(images), made.class_maps(images)
    weight = made.get_parameter("classifier.conv5.weight")[:, :, 0, 0]
    bias = made.get_parameter("classifier.conv5.bias")
    by_hand = torch.einsum("oc,nchw->nohw", weight, seen[0]) + bias[:, None, None]
    assert maps.shape == (2, 3, 4, 5)
    torch.testing.assert_close(maps, by_hand)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits)
