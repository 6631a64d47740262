"""Maps of evidence: the layer they come from, and their values against a computation by hand."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.errors import InputError
from bench.explain.maps import CLASS_MAPS, GRAD_CAM, make_mapper
from bench.explain.spatial import find_spatial_layer
from bench.registry import NetworkShape, find_model
from bench.runs.predictions import Outputs

pytest.importorskip("captum", reason="the extra explain is not installed")

TWO = Outputs(kind="multiclass", classes=("normal", "abnormal"))
FINDINGS = Outputs(kind="multilabel", classes=("Mass", "Nodule", "Hernia"))


@cache
def build(name: str, *, outputs: int = 3, side: int = 64) -> tuple[nn.Module, Tensor]:
    """A network and two images of noise, which no test changes."""
    torch.manual_seed(0)
    shape = NetworkShape(in_channels=1, outputs=outputs, image_size=side)
    return find_model(name).build(shape).eval(), torch.randn(2, 1, side, side)


@pytest.mark.parametrize(
    ("name", "layer", "layout", "channels", "side"),
    [
        ("cbr_tiny", "15", "channels_first", 256, 4),
        ("resnet18", "layer4", "channels_first", 512, 2),
        ("densenet121", "features", "channels_first", 1024, 2),
        # Before the last attention: behind it the class token looks at no position any more.
        ("vit_small_patch16_224", "blocks.11.norm1", "tokens", 384, 4),
        ("swin_tiny_patch4_window7_224", "norm", "channels_last", 768, 2),
    ],
)
def test_the_last_layer_with_positions(
    name: str, layer: str, layout: str, channels: int, side: int
) -> None:
    network, images = build(name)
    found = find_spatial_layer(network, images)
    assert found is not None
    assert (found.name, found.layout) == (layer, layout)
    assert (found.channels, found.side) == (channels, side)
    assert not any(module._forward_hooks for module in network.modules())


def test_grad_cam_is_that_of_the_paper() -> None:
    """Equations 1 and 2, written out on the features of the last block of a ResNet-18."""
    network, images = build("resnet18", side=96)
    outputs = torch.tensor([2, 0])
    mapper = make_mapper(network, FINDINGS, example=images, name="resnet18")
    assert mapper.method == GRAD_CAM
    maps = mapper(images, outputs)
    features = network.forward_features(images)  # type: ignore[operator]
    logits = network.forward_head(features)  # type: ignore[operator]
    (gradient,) = torch.autograd.grad(logits[0, 2] + logits[1, 0], features)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    expected = functional.relu((weights * features).sum(dim=1))
    assert maps.shape == (2, 3, 3)
    assert maps.max() > 0
    torch.testing.assert_close(maps, expected.detach())


def test_a_transformers_map_is_that_of_its_positions() -> None:
    network, images = build("vit_small_patch16_224")
    outputs = torch.tensor([1, 1])
    maps = make_mapper(network, FINDINGS, example=images, name="vit")(images, outputs)
    kept: list[Tensor] = []
    norm = network.get_submodule("blocks.11.norm1")
    with norm.register_forward_hook(lambda _, __, output: kept.append(output)):
        logits = network(images)
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), kept)
    tokens, gradient = kept[0][:, 1:], gradient[:, 1:]
    by_token = functional.relu((gradient.mean(dim=1, keepdim=True) * tokens).sum(dim=2))
    torch.testing.assert_close(maps, by_token.detach().reshape(2, 4, 4))


def test_the_evidence_for_one_of_two_classes_is_the_difference_of_their_logits() -> None:
    network, images = build("cxnet_m1", outputs=2)
    mapper = make_mapper(network, TWO, example=images, name="cxnet_m1")
    assert mapper.method == CLASS_MAPS
    with torch.inference_mode():
        logits = network(images)
    abnormal, normal = (mapper(images, torch.full((2,), output)) for output in (1, 0))
    torch.testing.assert_close(abnormal.mean(dim=(1, 2)), logits[:, 1] - logits[:, 0])
    torch.testing.assert_close(normal, -abnormal)


def test_a_findings_evidence_is_its_logit() -> None:
    network, images = build("cxnet_m1")
    maps = make_mapper(network, FINDINGS, example=images, name="net")(images, torch.tensor([2, 0]))
    with torch.inference_mode():
        logits = network(images)
    torch.testing.assert_close(maps.mean(dim=(1, 2)), torch.stack([logits[0, 2], logits[1, 0]]))


class Detector(nn.Module):
    """One convolution that answers a bright square of 4 × 4, and its largest answer."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 4, stride=4, bias=False)
        nn.init.ones_(self.convolution.weight)
        self.head = nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.head(self.convolution(images).mean(dim=(2, 3)))
        return answer


def test_a_map_that_is_known_exactly() -> None:
    """The gradient is 1/16 at each of 4 × 4 positions, and the features are the squares' sums."""
    images = torch.zeros(2, 1, 16, 16)
    images[0, 0, 4:8, 12:16] = 1.0
    images[1, 0, 8:12, 0:4] = 0.5
    outputs = Outputs(kind="multilabel", classes=("square",))
    example = torch.rand(2, 1, 16, 16)
    maps = make_mapper(Detector().eval(), outputs, example=example, name="detector")(
        images, torch.tensor([0, 0])
    )
    expected = torch.zeros(2, 4, 4)
    expected[0, 1, 3], expected[1, 2, 0] = 1.0, 0.5
    torch.testing.assert_close(maps, expected)


def test_a_network_without_positions_is_refused_in_words() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(256, 2)).eval()
    message = "^model 'linear' has no layer with positions, and so no heat map: explain a conv"
    with pytest.raises(InputError, match=message):
        make_mapper(linear, TWO, example=torch.randn(2, 1, 16, 16), name="linear")
