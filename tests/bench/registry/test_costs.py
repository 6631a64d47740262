"""Parameters and multiply-adds, and the cache that spares `bench list` from importing torch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.registry import MODELS, ModelEntry, NetworkShape, find_model
from bench.registry.costs import Costs, listed_costs, model_costs, weights_here


def shape(side: int) -> NetworkShape:
    return NetworkShape(in_channels=1, outputs=2, image_size=side)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cxnet_m1_by_hand(side: int, *, in_channels: int) -> int:
    """Positions × inputs × kernel × outputs of every convolution."""
    convolutions = [(in_channels, 32, 3), (32, 64, 3), (64, 128, 3), (128, 1024, 5)]
    total = 1024 * 2
    for level, (inputs, outputs, kernel) in enumerate(convolutions):
        total += (side >> level) ** 2 * inputs * kernel**2 * outputs
    return total


@pytest.mark.parametrize(("side", "in_channels"), [(64, 1), (224, 1), (224, 3)])
def test_cxnet_m1_costs_what_a_hand_count_gives(side: int, in_channels: int) -> None:
    costs = model_costs(
        MODELS.get("cxnet_m1"), NetworkShape(in_channels=in_channels, outputs=2, image_size=side)
    )
    assert costs.multiply_adds == cxnet_m1_by_hand(side, in_channels=in_channels)
    if (side, in_channels) == (224, 1):
        assert costs == Costs(parameters=3_374_594, multiply_adds=3_045_885_952)


@pytest.mark.parametrize(
    ("name", "published"), [("resnet18", 1.82e9), ("vit_small_patch16_224", 4.6e9)]
)
def test_baselines_cost_about_what_is_published(name: str, published: float) -> None:
    """Billions of multiply-adds at 224 px in three channels, as the networks' papers give them."""
    costs = model_costs(find_model(name), NetworkShape(in_channels=3, outputs=1000, image_size=224))
    assert costs.multiply_adds == pytest.approx(published, rel=0.03)


def test_counting_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    model_costs(MODELS.get("cxnet_m1"), shape(64))
    assert torch.equal(torch.get_rng_state(), state)


CXNET_M1_AT_64 = Costs(parameters=3_374_594, multiply_adds=248_645_632)


def entry_of(factory: Any) -> ModelEntry:
    return ModelEntry(name="mine", description="a plugin's", target=factory, source="mine")


def test_a_constructor_that_looks_at_numbers_is_counted_too() -> None:
    def looks(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:
        model = nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, outputs))
        assert float(model[1].weight.detach().abs().sum()) > 0
        return model

    state = torch.get_rng_state()
    costs = model_costs(entry_of(looks), shape(8))
    assert costs == Costs(parameters=130, multiply_adds=128)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_plugins_network_is_counted_anew_every_time(own_cache: Path) -> None:
    widths = iter([4, 8])

    def changing(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:
        assert (in_channels, image_size) == (1, 8)
        width = next(widths)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, outputs))

    counts = [listed_costs([entry_of(changing)], shape(8))["mine"] for _ in range(2)]
    assert [c.multiply_adds for c in counts if isinstance(c, Costs)] == [264, 528]
    assert not own_cache.exists()


def test_too_small_an_image_has_no_costs() -> None:
    entries = [find_model("inception_v3"), find_model("cxnet_m1")]
    costs = listed_costs(entries, shape(64))
    assert "needs images of at least 75 px" in str(costs["inception_v3"])
    assert isinstance(costs["cxnet_m1"], Costs)


def test_what_is_cached_needs_no_torch() -> None:
    """`bench list models` answers at once: a second call imports neither torch nor timm."""
    entries = [find_model("cxnet_m1"), find_model("resnet18")]
    counted = listed_costs(entries, shape(64))
    here = weights_here(entries)
    code = """
import sys, json, dataclasses
from bench.registry.costs import listed_costs, weights_here
from bench.registry import NetworkShape, find_model
entries = [find_model("cxnet_m1"), find_model("resnet18")]
costs = listed_costs(entries, NetworkShape(in_channels=1, outputs=2, image_size=64))
here = weights_here(entries)
print(json.dumps([[dataclasses.asdict(c) for c in costs.values()], here,
                  [name for name in ("torch", "timm") if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[asdict(c) for c in counted.values() if c], here, []]


@pytest.mark.parametrize("spoilt", ["", "[]", '{"a": 1}', "\x00\xff"])
def test_a_spoilt_cache_is_ignored_and_mended(own_cache: Path, spoilt: str) -> None:
    own_cache.mkdir()
    file = own_cache / "model_costs.json"
    file.write_text(spoilt, encoding="latin-1")
    entry = find_model("cxnet_m1")
    for _ in range(2):
        assert listed_costs([entry], shape(64))["cxnet_m1"] == CXNET_M1_AT_64
    facts = json.loads(file.read_text())
    assert asdict(CXNET_M1_AT_64) in facts.values()
    assert [p.name for p in own_cache.iterdir()] == ["model_costs.json"]
    file.write_text(json.dumps({key: {"parameters": "x"} for key in facts}))
    assert listed_costs([entry], shape(64))["cxnet_m1"] == CXNET_M1_AT_64


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "file"))
    assert listed_costs([find_model("cxnet_m1")], shape(64))["cxnet_m1"] == CXNET_M1_AT_64


def test_weights_here_tells_none_from_absent_and_present(tmp_path: Path) -> None:
    (tmp_path / "resnet18.safetensors").touch()
    entries = [find_model(name) for name in ("cxnet_m1", "resnet18", "timm:densenet264d")]
    assert weights_here(entries, weights_dir=tmp_path) == {
        "cxnet_m1": None,
        "resnet18": True,
        "timm:densenet264d": None,
    }
