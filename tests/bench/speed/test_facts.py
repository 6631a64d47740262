"""The JSON of speed, key by key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.speed.facts import to_json
from bench.speed.run import Figures
from tests.bench.speed.figures import (
    COMPARED_FIGURES,
    COUNTED_FIGURES,
    ENVIRONMENT,
    MEASURED_FIGURES,
)

# 3 · 4 · (3 + 8 / 4) bytes, and of the optimiser 20 · 8 / 4.
TRAINING_LIMIT = {
    "flop": 1200.0,
    "traffic": 100.0,
    "arithmetic_seconds": 6e-9,
    "traffic_seconds": 1e-8,
    "seconds": 1e-8,
    "images_per_second": 1e8,
}
INFERENCE_LIMIT = {
    "flop": 400.0,
    "traffic": 20.0,
    "arithmetic_seconds": 2e-9,
    "traffic_seconds": 2e-9,
    "seconds": 2e-9,
    "images_per_second": 5e8,
}


def shown(figures: Figures[Any]) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(to_json(figures))
    assert whole["machine"] == ENVIRONMENT
    assert whole["setting"] == {
        "image_size": 32,
        "batch_size": 4,
        "in_channels": 1,
        "loss": "ce",
        "precision": "float32",
        "memory_format": "contiguous",
        "compiled": False,
    }
    assert whole["models"][1] == {"model": "large", "failed": "needs more | than there is"}
    return whole


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            same(found[key], value)
        else:
            assert found[key] == (pytest.approx(value) if isinstance(value, float) else value), key


def test_measured() -> None:
    whole = shown(MEASURED_FIGURES)
    assert whole["ceilings"] == {"flops": 2e11, "bandwidth": 1e10, "given": False}
    same(
        whole["models"][0],
        {
            "model": "small",
            "training": {"median": 5e6, "min": 4e6, "max": 6e6, "repeats": [4e6, 5e6, 6e6]},
            "training_share": 0.05,
            "inference": {"median": 2e7, "min": 2e7, "max": 2e7, "repeats": [2e7]},
            "inference_share": 0.056,
            "answered_at_once": 2,
            "latency": {
                "median": 0.001,
                "min": 0.001,
                "max": 0.004,
                "repeats": [*[0.001] * 8, 0.002, 0.004],
                "percentile_90": 0.0022,
            },
            "peak_memory": 123_456_789,
            "capture_seconds": 2.25,
            "compile_seconds": None,
            "notes": ["steps are replayed"],
            "joules_per_training_image": {
                "median": 0.375,
                "min": 0.25,
                "max": 0.5,
                "repeats": [0.5, 0.25],
            },
            "validation_share": (11_000 / 2e7) / (3_000 * 4 / 5e6),
            "parameters": 8,
            "multiply_adds": 200,
            "training_limit": TRAINING_LIMIT,
            # Two images share the eight weights, not four as in training.
            "inference_limit": INFERENCE_LIMIT
            | {
                "traffic": 28.0,
                "traffic_seconds": 2.8e-9,
                "seconds": 2.8e-9,
                "images_per_second": 1 / 2.8e-9,
            },
        },
    )


def test_compared() -> None:
    whole = shown(COMPARED_FIGURES)
    assert whole["ceilings"] is None
    same(
        whole["models"][0],
        {
            "model": "small",
            "against": "bare",
            "steps_in_a_block": 7,
            "harness": {"median": 99.0, "min": 98.0, "max": 120.0, "repeats": [98.0, 120.0, 99.0]},
            "bare": {"median": 100.0, "min": 90.0, "max": 100.0, "repeats": [100.0, 100.0, 90.0]},
            "ratio": {"median": 1.1, "min": 0.98, "max": 1.2, "repeats": [0.98, 1.2, 1.1]},
        },
    )


def test_counted() -> None:
    whole = shown(COUNTED_FIGURES)
    assert whole["ceilings"]["given"] is True
    same(
        whole["models"][0],
        {
            "model": "small",
            "parameters": 8,
            "multiply_adds": 200,
            "training_limit": TRAINING_LIMIT,
            "inference_limit": INFERENCE_LIMIT,
        },
    )
