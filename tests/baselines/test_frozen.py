"""Features of a frozen pretrained network, from real weights."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from baselines.backbones import BUILT_IN, create
from baselines.frozen import pooled_features, smallest_at_hand
from baselines.packages import WeightsPackage
from tests.absent import packaged_weights
from tests.baselines.networks import without_memory
from tests.shared_data import shared

LITE0 = "tf_efficientnet_lite0"


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def test_networks_are_in_the_order_of_their_size() -> None:
    sizes = [sum(p.numel() for p in without_memory(name).parameters()) for name in BUILT_IN]
    assert sizes == sorted(sizes)


def test_the_smallest_whose_weights_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged_weights(LITE0)
    assert smallest_at_hand(64) == LITE0
    (tmp_path / "mobilenetv3_small_100.safetensors").touch()
    assert smallest_at_hand(64, weights_dir=tmp_path) == "mobilenetv3_small_100"
    monkeypatch.setattr(WeightsPackage, "find", lambda _: None)
    assert smallest_at_hand(64) is None


def noise(images: int, side: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, size=(images, side, side), dtype=np.uint8)


def test_features_are_what_the_classifier_gets() -> None:
    packaged_weights(LITE0)
    images = noise(5, 40)
    features = pooled_features(images, LITE0)
    assert features.shape == (5, 1280)
    assert features.dtype == np.float32
    network = create(LITE0, in_channels=1, outputs=2, image_size=40, pretrained=True).eval()
    seen: list[torch.Tensor] = []
    classifier = network.get_submodule("classifier")
    assert isinstance(classifier, nn.Linear)
    classifier.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.inference_mode():
        network((torch.from_numpy(images)[:, None] / 255.0 - 0.5) / 0.5)
    np.testing.assert_allclose(features, seen[0].numpy(), atol=1e-5)
    in_parts = pooled_features(torch.from_numpy(images), LITE0, batch_size=2)
    np.testing.assert_allclose(in_parts, features, atol=1e-5)


def test_a_folder_of_weights_is_looked_at_first(tmp_path: Path) -> None:
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.safetensors")
    assert pooled_features(noise(2, 32), "resnet18", weights_dir=tmp_path).shape == (2, 512)


def test_they_tell_pneumonia_on_real_radiographs() -> None:
    packaged_weights(LITE0)
    root = shared("kermany")
    table = pd.read_csv(root / "manifest.csv").drop_duplicates("patient")
    chosen = table.groupby("label").head(120).sample(frac=1.0, random_state=0)
    images = []
    for path in chosen["path"]:
        with Image.open(root / path) as image:
            image.draft("L", (128, 128))
            images.append(np.asarray(image.convert("L").resize((64, 64))))
    features = pooled_features(np.stack(images), LITE0)
    abnormal = (chosen["label"] != "NORMAL").to_numpy()
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    regression.fit(features[:160], abnormal[:160])
    assert roc_auc_score(abnormal[160:], regression.decision_function(features[160:])) > 0.9


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 32, 32), np.float32),
        np.zeros((32, 32), np.uint8),
        np.zeros((1, 3, 4), np.uint8),
    ],
)
def test_other_arrays_are_refused(images: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"give uint8 \(n, side, side\)"):
        pooled_features(images, LITE0)
