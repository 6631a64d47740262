"""Runs of a small network on some of the real radiographs, for tests of what is made of runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import bench
from bench.registry import MODELS, register_model
from tests.shared_data import shared

IMAGES = 150
SMALL = "small_for_export"


def kermany_part(folder: Path, *, images: int = IMAGES) -> Path:
    """The folder of a manifest of some real radiographs, evenly taken; they stay where they are."""
    source = shared("kermany")
    with (source / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [rows[number * len(rows) // images] for number in range(images)]
    folder.mkdir(exist_ok=True)
    (folder / "images").symlink_to(source / "images")
    lines = [f"{row['path']},{row['label']},{row['patient']}" for row in chosen]
    (folder / "manifest.csv").write_text("\n".join(["path,label,patient", *lines]) + "\n")
    return folder


def register_small() -> None:
    """A network of one convolution with the layers that exporters stumble over."""
    if SMALL in {entry.name for entry in MODELS}:
        return

    @register_model(SMALL, description="one convolution, a norm and a mean")
    def small(*, in_channels: int, outputs: int) -> Any:
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(in_channels, 4, 5, stride=4),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, outputs),
        )


def forget_small() -> None:
    """Take that network out of the registry, where it is there."""
    if SMALL in {entry.name for entry in MODELS}:
        MODELS.remove(SMALL)


def train(root: Path, out: Path, **changes: Any) -> Path:
    """A trained network's run, in a folder of runs with the control ``brightness``.

    Args:
        changes: of the experiment ``manifest``, by dotted key.
    """
    register_small()
    settings = {
        "data.root": str(root),
        "data.image_size": 32,
        "data.validation_fraction": 0.25,
        "data.test_fraction": 0.3,
        "models": [SMALL],
        "losses": ["ce"],
        "seeds": [0],
        "controls": ["brightness"],
        "train.max_iterations": 6,
        "train.validate_every": 3,
        "train.batch_size": 16,
    }
    config = bench.load_config("manifest", **(settings | changes))
    bench.run(config, out=out, device="cpu")
    (folder,) = out.glob(f"{config.models[0]}-{config.losses[0]}-s0-*")
    return folder
