"""``import bench`` has the public names, and imports nothing heavy."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import baselines
import bench
import cxnet


def test_public_names() -> None:
    assert bench.__all__ == [
        "InputError",
        "load_config",
        "load_model",
        "load_results",
        "plan",
        "register_dataset",
        "register_loss",
        "register_model",
        "run",
        "tune",
        "__version__",
    ]
    assert all(hasattr(bench, name) for name in bench.__all__)
    # A package of the same name would take its place as soon as something imports it.
    assert {module.name for module in pkgutil.iter_modules(bench.__path__)}.isdisjoint(
        bench.__all__
    )


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "backbones",
            [
                "BUILT_IN",
                "InputSize",
                "check_image_size",
                "check_name",
                "create",
                "names_like",
                "pretrained_normalisation",
            ],
        ),
        ("finetune", ["Policy", "apply_policy", "set_training_mode"]),
        (
            "weights",
            [
                "MissingWeightsError",
                "WeightsError",
                "WeightsSource",
                "describe_weights",
                "ensure_weights",
                "fetch_weights",
                "find_weights",
                "loading",
                "read_packaged",
            ],
        ),
        ("cbr", ["cbr_large_t", "cbr_large_w", "cbr_small", "cbr_tiny"]),
        ("frozen", ["pooled_features", "smallest_at_hand"]),
        ("packages", ["INSTALL", "PACKAGES", "WeightsPackage", "find_package"]),
    ],
)
def test_public_names_of_the_baselines(module: str, names: list[str]) -> None:
    assert sorted(importlib.import_module(f"baselines.{module}").__all__) == names


@pytest.mark.parametrize("package", [bench, cxnet, baselines], ids=lambda p: p.__name__)
def test_every_listed_name_is_there(package: ModuleType) -> None:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name == "bench.__main__":  # runs the command
            continue
        module = importlib.import_module(found.name)
        listed = getattr(module, "__all__", [])
        assert not [name for name in listed if not hasattr(module, name)], found.name
