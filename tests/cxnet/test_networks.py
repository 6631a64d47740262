"""The paper's networks: their sizes, their order, and that they can be trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cxnet import MIN_IMAGE_SIZE, CXNetM1, CXNetM1V2


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("in_channels", "expected"), [(1, 3_374_594), (3, 3_375_170)])
def test_cxnet_m1_has_the_papers_parameter_count(in_channels: int, expected: int) -> None:
    assert parameters(CXNetM1(in_channels=in_channels, outputs=2)) == expected


def test_cxnet_m1_keeps_97_percent_in_conv4() -> None:
    model = CXNetM1()
    assert round(100 * parameters(model.get_submodule("classifier.conv4")) / 3_374_594) == 97


def test_v2_has_the_parameters_of_its_kernels() -> None:
    """Counted by hand from the kernels 11, 7, 5, 5, 11 and the widths 32, 64, 128, 128, 1024."""
    convolutions = [(1, 32, 11), (32, 64, 7), (64, 128, 5), (128, 128, 5), (128, 1024, 11)]
    expected = sum(out * (inn * k * k + 1) for inn, out, k in convolutions)
    expected += 2 * 1024 + 2 * (1024 + 1)
    assert expected == 16_583_810
    assert parameters(CXNetM1V2()) == expected


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


def test_cxnet_m1_is_drawn_as_in_figure_5() -> None:
    assert layers(CXNetM1()) == [
        *("conv 32 3x", "ReLU", "MaxPool2d"),
        *("conv 64 3x", "ReLU", "MaxPool2d"),
        *("conv 128 3x", "ReLU", "MaxPool2d"),
        *("conv 1024 5x", *CLASSIFICATION),
    ]


def test_v2_is_drawn_as_in_figure_9() -> None:
    assert layers(CXNetM1V2()) == [
        *("conv 32 11x", "ReLU", "MaxPool2d"),
        *("conv 64 7x", "ReLU", "MaxPool2d"),
        *("conv 128 5x", "ReLU", "conv 128 5x", "ReLU", "MaxPool2d"),
        *("conv 1024 11x", *CLASSIFICATION),
    ]


@pytest.mark.parametrize("network", [CXNetM1, CXNetM1V2])
@pytest.mark.parametrize("size", [MIN_IMAGE_SIZE, 29])
@pytest.mark.parametrize(("in_channels", "outputs"), [(1, 2), (3, 14)])
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
