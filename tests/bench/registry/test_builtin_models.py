"""The built-in networks, as the harness sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import cxnet
from baselines.backbones import BUILT_IN
from bench.config import load_experiment
from bench.errors import InputError
from bench.execute.preflight import check_levels
from bench.registry import MODELS, NetworkShape, find_model
from bench.registry.models import match_models

OURS = ["cxnet_m1", "cxnet_m1_v2"]
CBR = ["cbr_large_t", "cbr_large_w", "cbr_small", "cbr_tiny"]
NAMES = [entry.name for entry in MODELS if entry.source == "built in"]


def test_the_papers_two_and_the_baselines_are_registered() -> None:
    assert sorted([*OURS, *CBR, *BUILT_IN]) == sorted(NAMES)


def test_sizes_are_those_of_the_packages() -> None:
    for name, size in BUILT_IN.items():
        entry = find_model(name)
        assert entry.min_image_size == size.smallest, name
        assert entry.image_size_multiple == size.multiple, name
        assert entry.timm_name == name
    for name in OURS:
        assert find_model(name).min_image_size == cxnet.MIN_IMAGE_SIZE
        assert find_model(name).timm_name is None


@pytest.mark.parametrize("name", [*OURS, *CBR, "resnet18"])
def test_maps_a_batch_to_logits(name: str) -> None:
    """Shapes alone, at 96 px; timm's networks all come as resnet18 does, and train in baselines."""
    with torch.device("meta"):
        model = find_model(name).build(NetworkShape(in_channels=1, outputs=14, image_size=96))
        assert model(torch.empty(2, 1, 96, 96)).shape == (2, 14)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("inception_v3", 64, "'inception_v3' needs images of at least 75 px, not 64"),
        ("swin_tiny_patch4_window7_224", 75, "multiple of 4 px, not 75: set data.image_size=76"),
        ("timm:deit_tiny_patch16_224", 30, "30 px: the side must be a multiple of 16"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_refused(name: str, size: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_model(name).check_image_size(size)


@pytest.mark.parametrize("name", ["cxnet_m1", "resnet18"])
def test_an_unknown_option_is_one_clear_line(name: str) -> None:
    with pytest.raises(InputError, match=f"model '{name}' takes no option 'depth': "):
        find_model(name).build(
            NetworkShape(in_channels=1, outputs=2, image_size=32, options={"depth": 3})
        )


def test_any_other_timm_network_by_its_name() -> None:
    entry = find_model("timm:resnet10t")
    assert (entry.name, entry.timm_name) == ("timm:resnet10t", "resnet10t")
    model = entry.build(NetworkShape(in_channels=1, outputs=14, image_size=32))
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


def test_damaged_weights_are_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "resnet18.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="do not fit resnet18"):
        find_model("resnet18").build(
            NetworkShape(in_channels=1, outputs=2, image_size=32),
            pretrained=True,
            weights_dir=tmp_path,
        )


@pytest.mark.parametrize("name", OURS)
def test_options_reach_the_network(name: str) -> None:
    options = {"conv4_kernel": 7, "dropout_at": "after_norm", "dropout": 0.2}
    model = find_model(name).build(
        NetworkShape(in_channels=1, outputs=2, image_size=32, options=options)
    )
    conv4 = model.get_submodule("classifier.conv4")
    assert isinstance(conv4, nn.Conv2d)
    assert conv4.kernel_size == (7, 7)
    names = [child for child, _ in model.get_submodule("classifier").named_children()]
    assert names == ["conv4", "relu4", "norm", "dropout", "pool", "conv5", "flatten"]
    dropout = model.get_submodule("classifier.dropout")
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("conv4_kernel=seven", "conv4_kernel must be an odd number of pixels, not 'seven'"),
        ("dropout_at=[]", "dropout_at must be before_norm or after_norm, not []"),
    ],
)
def test_a_value_out_of_range_is_one_line_before_anything_starts(
    setting: str, message: str
) -> None:
    """Others are refused by the networks themselves (``tests/cxnet/test_networks.py``)."""
    settings = ["models=[cxnet_m1]", f"model.options.cxnet_m1.{setting}"]
    with pytest.raises(InputError) as caught:
        check_levels([load_experiment("demo", settings=settings)], device=torch.device("cpu"))
    assert str(caught.value) == f"model.options.cxnet_m1: {message}"
