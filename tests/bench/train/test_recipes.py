"""Both recipes on real radiographs, killed at every step, for networks small and large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from bench.config import AugmentConfig, TrainConfig
from bench.data.batches import ImageSet
from bench.data.decode import resize
from bench.data.image_files import read_grayscale
from bench.data.normalisation import measure_normalisation
from bench.data.placement import place_pixels
from bench.registry import NetworkShape, find_model
from tests.bench.train.small import CPU, Messages, PowerCutError, trained, without_seconds
from tests.shared_data import shared

SIDE, STEPS = 32, 4
VIT = "vit_small_patch16_224"
LARGE = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("resnet18", "tf_efficientnet_lite0", VIT)
]
SHORT = {"batch_size": 8, "max_iterations": STEPS, "validate_every": 2}
RECIPES = {
    "paper": TrainConfig(**SHORT, augment=AugmentConfig(flip=True, shift=0.1)),
    "modern": TrainConfig(**SHORT, recipe="modern", warmup=0.5, ema=0.9),
}
Parts = tuple[ImageSet, ImageSet]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Twenty-four training and eight validation images of children's chests."""
    folder = shared("kermany")
    rows = pd.read_csv(folder / "manifest.csv")
    chosen = rows.groupby("label").head(16)
    pixels = np.stack([resize(read_grayscale(folder / path), SIDE) for path in chosen["path"]])
    targets = pd.factorize(chosen["label"], sort=True)[0].astype(np.int64)
    order = np.random.default_rng(0).permutation(32)

    def part(positions: np.ndarray) -> ImageSet:
        return ImageSet(
            placement=place_pixels(pixels, device=CPU),
            pixel_rows=positions.astype(np.int64),
            targets=targets[positions],
            normalisation=measure_normalisation(pixels, order[:24]),
            in_channels=1,
        )

    return part(order[:24]), part(order[24:])


@pytest.fixture(scope="module")
def vit_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    save_file(timm.create_model(VIT).state_dict(), folder / f"{VIT}.safetensors")
    return folder


def make(name: str, weights: Path, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    shape = NetworkShape(in_channels=1, outputs=2, image_size=SIDE)
    return find_model(name).build(shape, pretrained=name == VIT, weights_dir=weights)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "name", ["cbr_tiny", pytest.param("cxnet_m1", marks=pytest.mark.slow), *LARGE]
)
def test_a_kill_at_any_step_changes_no_bit(
    parts: Parts, tmp_path: Path, vit_weights: Path, name: str, recipe: str
) -> None:
    config = RECIPES[recipe]
    uninterrupted = make(name, vit_weights)
    before = {k: v.clone() for k, v in uninterrupted.state_dict().items()}
    whole = trained(uninterrupted, tmp_path / "whole", parts, config=config)
    weights = uninterrupted.state_dict()
    assert all(bool(torch.isfinite(weight).all()) for weight in weights.values())
    assert any(not torch.equal(weights[k], before[k]) for k in before)
    for cut_after in range(1, STEPS):
        folder, cut = tmp_path / f"cut {cut_after}", Messages(cut_after=cut_after)
        with pytest.raises(PowerCutError):
            trained(make(name, vit_weights), folder, parts, config=config, messages=cut)
        # Before the first checkpoint it begins anew; then all that matters comes from there.
        resumed = make(name, vit_weights, seed=9 if cut_after > 2 else 0)
        again = trained(resumed, folder, parts, config=config)
        assert without_seconds(again) == without_seconds(whole)
        assert all(torch.equal(weights[k], weight) for k, weight in resumed.state_dict().items())
