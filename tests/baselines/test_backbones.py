"""timm's networks at our sizes, channels and outputs."""

from __future__ import annotations

import pytest
import torch
from timm.layers import DropPath

from baselines.backbones import BUILT_IN, check_image_size, check_name, create

# What trains in a fraction of a second on one core; the others run once at 224 px when slow.
SMALLEST = {name: size.smallest for name, size in BUILT_IN.items()}


def train_a_step(name: str, image_size: int, *, in_channels: int = 1, outputs: int = 2) -> None:
    model = create(
        name, in_channels=in_channels, outputs=outputs, image_size=image_size, pretrained=False
    )
    logits = model(torch.rand(2, in_channels, image_size, image_size))
    assert logits.shape == (2, outputs)
    logits.square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(torch.isfinite(parameter.grad).all()), parameter_name


# One of each family, and of these the smallest; the others have the slow tests.
QUICK = [
    "mobilenetv3_small_100", "tf_efficientnet_lite0", "efficientnet_b0", "resnet18", "densenet121",
    "convnext_tiny", "vit_small_patch16_224", "swin_tiny_patch4_window7_224",
]  # fmt: skip
# Of these, the ones with a smallest size, or built for the size of their images.
SIZED = ["densenet121", "convnext_tiny", "vit_small_patch16_224", "swin_tiny_patch4_window7_224"]


def test_the_others_take_any_size() -> None:
    assert {SMALLEST[name] for name in QUICK if name not in SIZED} == {1}


@pytest.mark.parametrize("name", QUICK)
def test_trains_a_step_at_its_smallest_size(name: str) -> None:
    train_a_step(name, SMALLEST[name], outputs=14)


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 32, 64, 75, 96, 128, 224])
@pytest.mark.parametrize("name", BUILT_IN)
def test_trains_a_step_at_every_usual_size(name: str, size: int) -> None:
    if size < SMALLEST[name] or size % BUILT_IN[name].multiple:
        with pytest.raises(ValueError, match=f"cannot take images of {size} px"):
            check_image_size(name, size)
    else:
        train_a_step(name, size, in_channels=3)


@pytest.mark.parametrize(
    "name",
    [name if name in SIZED else pytest.param(name, marks=pytest.mark.slow) for name in BUILT_IN],
)
def test_runs_from_its_smallest_size_and_not_below(name: str) -> None:
    """Shapes alone: at 224 px, one step below the smallest size, and there if it does not train."""
    check_image_size(name, 224)
    if name not in QUICK:
        check_image_size(name, SMALLEST[name])
    below = SMALLEST[name] - 1
    if below:
        with pytest.raises(ValueError, match=f"{name}.*cannot take images of {below} px"):
            check_image_size(name, below)


def test_vit_sees_the_border_of_an_image_that_is_no_multiple_of_its_patch() -> None:
    """timm alone would cut 28 px down to 16."""
    vit = create(
        "vit_small_patch16_224", in_channels=1, outputs=2, image_size=28, pretrained=False
    ).eval()
    image = torch.zeros(1, 1, 28, 28)
    corner = image.clone()
    corner[..., -1, -1] = 100
    assert not torch.equal(vit(image), vit(corner))


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "deit_tiny_patch16_224"])
def test_a_network_that_would_cut_the_border_off_is_refused(name: str) -> None:
    refused = pytest.raises(ValueError, match="images of 30 px: the side must be a multiple of")
    with refused, torch.device("meta"):
        create(name, in_channels=1, outputs=2, image_size=30, pretrained=False)


def test_a_network_of_one_size_is_refused_at_others() -> None:
    check_image_size("levit_128s", 224)
    with pytest.raises(ValueError, match=r"levit_128s.*cannot take images of 75 px"):
        check_image_size("levit_128s", 75)


def make(name: str, **rates: float) -> torch.nn.Module:
    return create(name, in_channels=1, outputs=2, image_size=32, pretrained=False, **rates)


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "vit_small_patch16_224"])
def test_paths_and_features_are_dropped_in_training_alone(name: str) -> None:
    images = torch.rand(2, 1, 32, 32)
    network = make(name, drop_path_rate=0.5, drop_rate=0.5)
    torch.manual_seed(0)
    first, second = network(images), network(images)
    assert not torch.allclose(first, second)
    network.eval()
    torch.testing.assert_close(network(images), network(images))
    paths = [module for module in network.modules() if isinstance(module, DropPath)]
    assert max(path.drop_prob for path in paths) == pytest.approx(0.5, abs=0.05)
    with torch.device("meta"):
        plain = make(name)
    assert not any(isinstance(module, DropPath) for module in plain.modules())


def test_a_rate_for_layers_that_a_network_does_not_have_is_refused() -> None:
    refused = pytest.raises(ValueError, match="timm model 'vgg16_bn' takes no drop_path_rate")
    with refused, torch.device("meta"):
        make("vgg16_bn", drop_path_rate=0.1)


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(ValueError, match="unknown timm model 'resnet19': did you mean resnet18"):
        check_name("resnet19")
    with pytest.raises(ValueError, match=r"'zzzzzz': timm.list_models\(\) names all"):
        check_name("zzzzzz")
    with pytest.raises(ValueError, match=r"'resnet18.zzz': known: .*resnet18.a1_in1k"):
        check_name("resnet18.zzz")
    check_name("resnet18.a1_in1k")
