"""The built-in networks, as the harness sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import cxnet
from baselines.backbones import BUILT_IN
from bench.errors import InputError
from bench.registry import MODELS, find_model
from bench.registry.models import match_models

OURS = ["cxnet_m1", "cxnet_m1_v2"]
NAMES = [entry.name for entry in MODELS if entry.source == "built in"]


def test_the_papers_two_and_ten_baselines_are_registered() -> None:
    assert [*OURS, *BUILT_IN] == NAMES


def test_sizes_are_those_of_the_packages() -> None:
    for name, size in BUILT_IN.items():
        entry = find_model(name)
        assert entry.min_image_size == size.smallest, name
        assert entry.image_size_multiple == size.multiple, name
        assert entry.timm_name == name
    for name in OURS:
        assert find_model(name).min_image_size == cxnet.MIN_IMAGE_SIZE
        assert find_model(name).timm_name is None


@pytest.mark.parametrize("name", NAMES)
def test_maps_a_batch_to_logits(name: str) -> None:
    """Shapes alone, at 96 px, which every network takes."""
    with torch.device("meta"):
        model = find_model(name).build(in_channels=1, outputs=14, image_size=96)
        assert model(torch.empty(2, 1, 96, 96)).shape == (2, 14)


def test_too_small_an_image_is_refused_with_the_smallest() -> None:
    with pytest.raises(InputError, match="'inception_v3' needs images of at least 75 px, not 64"):
        find_model("inception_v3").check_image_size(64)


def test_a_size_that_swin_cannot_divide_is_refused_with_the_next() -> None:
    with pytest.raises(InputError, match=r"multiple of 4 px, not 75: set data.image_size=76"):
        find_model("swin_tiny_patch4_window7_224").check_image_size(75)


def test_options_reach_the_network() -> None:
    model = find_model("cxnet_m1").build(
        in_channels=1, outputs=2, image_size=8, options={"dropout": 0.25}
    )
    assert [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)] == [0.25]


@pytest.mark.parametrize("name", ["cxnet_m1", "resnet18"])
def test_an_unknown_option_is_one_clear_line(name: str) -> None:
    with pytest.raises(InputError, match=f"model '{name}' takes no option 'depth': "):
        find_model(name).build(in_channels=1, outputs=2, image_size=32, options={"depth": 3})


def test_any_other_timm_network_by_its_name() -> None:
    entry = find_model("timm:resnet10t")
    assert (entry.name, entry.timm_name) == ("timm:resnet10t", "resnet10t")
    model = entry.build(in_channels=1, outputs=14, image_size=32)
    assert model(torch.rand(2, 1, 32, 32)).shape == (2, 14)


def test_patterns_pick_from_the_registered_names_and_from_timms() -> None:
    def names(*patterns: str) -> list[str]:
        return [entry.name for entry in match_models(patterns)]

    assert names() == NAMES
    assert names("resnet*", "cxnet_m1") == ["cxnet_m1", "resnet18", "resnet50"]
    some = names("timm:resnet3*")
    assert "timm:resnet34" in some
    assert all(name.startswith("timm:resnet3") for name in some)
    assert names("timm:resnet10t", "resnet50") == ["resnet50", "timm:resnet10t"]
    assert names("timm:no_such*") == names("no_such*") == []


def test_an_unknown_timm_name_lists_near_ones() -> None:
    with pytest.raises(InputError, match="unknown timm model 'resnet19': did you mean resnet18"):
        find_model("timm:resnet19")


def test_a_timm_network_refuses_a_size_it_cannot_take() -> None:
    with pytest.raises(InputError, match="30 px: the side must be a multiple of 16"):
        find_model("timm:deit_tiny_patch16_224").check_image_size(30)


def test_damaged_weights_are_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "resnet18.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="do not fit resnet18"):
        find_model("resnet18").build(
            in_channels=1, outputs=2, image_size=32, pretrained=True, weights_dir=tmp_path
        )
