"""`import cxnet` has the public names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cxnet


def test_public_names() -> None:
    assert sorted(cxnet.__all__) == [
        "Blame",
        "CXNetM1",
        "CXNetM1V2",
        "CrossEntropy",
        "DropoutPlace",
        "FocalLoss",
        "Leaf",
        "MIN_IMAGE_SIZE",
        "Routed",
        "SinDetachedLoss",
        "SinHumpDetachedLoss",
        "SinHumpLoss",
        "SinLoss",
        "StageProbabilities",
        "StageThresholds",
        "TargetKind",
        "WeightedCrossEntropy",
        "WeightedLoss",
        "balanced_class_weights",
        "blame",
        "leaf_of",
        "route",
        "soft_findings",
    ]
    assert all(hasattr(cxnet, name) for name in cxnet.__all__)


@pytest.mark.parametrize("package", ["cxnet", "baselines"])
def test_never_imports_the_harness(package: str) -> None:
    for path in (Path(cxnet.__file__).parents[1] / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            assert not [m for m in modules if m.partition(".")[0] == "bench"], path.name
