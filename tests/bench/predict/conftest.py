"""A row of two seeds that learned radiographs, and a control beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import bench
from bench.registry import MODELS
from bench.registry.plugins import load_plugins
from bench.runs.store import Store
from tests.shared_data import shared

IMAGES = 240
SMALL = """
import torch
from bench import register_model

@register_model("small_for_predict", description="one convolution and a mean")
def small(*, in_channels, outputs, image_size):
    return torch.nn.Sequential(
        torch.nn.Conv2d(in_channels, 4, 5, stride=4), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, outputs))
"""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A row's runs.

    Attributes:
        out: folder of all runs.
        networks: folders of both seeds.
        control: folder of a control.
    """

    out: Path
    networks: list[Path]
    control: Path


SHORT: Mapping[str, Any] = MappingProxyType(
    {
        "data.image_size": 32,
        "models": ["small_for_predict"],
        "losses": ["ce"],
        "model.pretrained": False,
        "train.max_iterations": 4,
        "train.validate_every": 2,
        "train.batch_size": 8,
    }
)
"""A training of seconds."""


@pytest.fixture(scope="package")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that registers the small network, for the tests of this folder alone."""
    file = tmp_path_factory.mktemp("plugin") / "small.py"
    file.write_text(SMALL)
    load_plugins([file])
    yield file
    MODELS.remove("small_for_predict")


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> Trained:
    """Children's radiographs, 180 of them to learn from, half of them normal."""
    kermany = shared("kermany")
    folder = tmp_path_factory.mktemp("predict")
    with (kermany / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    half = IMAGES // 2
    chosen = [
        row
        for label in ("NORMAL", "PNEUMONIA")
        for row in [row for row in rows if row["label"] == label][:half]
    ]
    lines = [f"{kermany / row['path']},{row['label']}" for row in chosen]
    (folder / "manifest.csv").write_text("\n".join(["path,label", *lines, ""]))
    out = folder / "runs"
    changes = {
        **SHORT,
        "data.root": str(folder),
        "data.split": "image",
        "data.validation_fraction": 0.2,
        "data.test_fraction": 0.1,
        "seeds": [0, 1],
        "controls": ["prior"],
    }
    bench.run(bench.load_config("manifest", **changes), out=out, device="cpu", plugins=[plugin])
    runs = Store(out).runs()
    return Trained(
        out=out,
        networks=[run.folder for run in runs if run.cell.kind == "network"],
        control=next(run.folder for run in runs if run.cell.kind == "control"),
    )
