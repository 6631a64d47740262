"""``bench speed``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command

SMALL = ("--image-size", 16, "--batch-size", 4, "--repeats", 1, "--device", "cpu", "--threads", 1)
GIVEN = ("--rate", 0.5, "--bandwidth", 0.01)


def test_a_model_is_measured_and_one_that_cannot_be_is_a_row(
    bench: Command, tiny_plugin: Path
) -> None:
    outcome = bench(
        "speed", "tiny", "inception_v3", "--plugin", tiny_plugin, *SMALL, *GIVEN, "--json"
    )
    assert outcome.code == 1
    shown = json.loads(outcome.out)
    assert shown["machine"]["threads"] == 1
    assert shown["ceilings"] == {"flops": 0.5e12, "bandwidth": 0.01e12, "given": True}
    tiny, inception = shown["models"]
    assert (tiny["model"], tiny["parameters"]) == ("tiny", 4 * 25 + 4 + 4 * 2 + 2)
    assert len(tiny["training"]["repeats"]) == 1
    assert inception["model"] == "inception_v3"
    assert "at least 75 px" in inception["failed"]
    assert outcome.err.splitlines()[:2] == ["[1/2] tiny", "[2/2] inception_v3"]
    assert "at least 75 px" in outcome.err


def test_training_against_a_bare_loop(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, and in short blocks: the test above has processes and whole blocks.
    monkeypatch.setattr("bench.speed.run.in_child", lambda do, *args, **more: do(*args, **more))
    short = ("--seconds", 0.001)
    outcome = bench("speed", "tiny", "--plugin", tiny_plugin, *SMALL, *short, "--against", "bare")
    assert outcome.code == 0
    head, _, row = outcome.out.splitlines()[:3]
    assert "harness/bare: median" in head
    assert row.startswith("| tiny ")
    assert "loss ce" in outcome.out


def test_the_limits_of_every_model(bench: Command) -> None:
    limits = ("speed", "--limits", "--image-size", 224, "--precision", "bfloat16")
    outcome = bench(*limits, "cxnet*", "--rate", 790, "--bandwidth", 4.3)
    assert outcome.code == 0
    rows = [[cell.strip() for cell in line.split("|")] for line in outcome.out.splitlines()[2:4]]
    assert [row[1:4] for row in rows] == [
        ["cxnet_m1", "18.2", "25.6"],
        ["cxnet_m1_v2", "94.5", "41.2"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet81",), "unknown model 'resnet81'"),
        (("vgg19*",), "no model fits 'vgg19*'"),
        (("cxnet_m1", "--image-size", 0), "--image-size"),
        (("cxnet_m1", "--batch-size", 1), "--batch-size"),
        (("cxnet_m1", "--repeats", 0), "--repeats"),
        (("cxnet_m1", "--threads", 0), "--threads"),
        (("cxnet_m1", "--loss", "cos"), "unknown loss 'cos'"),
        (("cxnet_m1", "--against", "lightning"), "lightning"),
        (("cxnet_m1", "--against", "bare", "--limits"), "exclude one another"),
        (("cxnet_m1", "--compile", "--limits"), "nothing that --compile could compile"),
        (("cxnet_m1", "--against", "bare", *GIVEN), "are for limits"),
        (("cxnet_m1", "--rate", 1), "go together"),
        (("cxnet_m1", "--rate", 0, "--bandwidth", 1), "--rate"),
        (("cxnet_m1", "--rate", "nan", "--bandwidth", 1), "nan is not a finite number"),
        (("cxnet_m1", "--rate", 1, "--bandwidth", "inf"), "inf is not a finite number"),
        (("cxnet_m1", "--seconds", "nan"), "nan is not a finite number"),
        (("cxnet_m1", "--against", "bare", "--loss", "sin"), "leave --loss out"),
        (("cxnet_m1", "--plugin", "absent.py"), "'"),
    ],
)
def test_bad_input_is_one_line(bench: Command, arguments: tuple[object, ...], message: str) -> None:
    outcome = bench("speed", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert message in outcome.err


def test_an_interruption_promises_nothing(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a key press: nothing goes on where it was."""
    monkeypatch.setattr("bench.speed.run.in_child", interrupt)
    outcome = bench("speed", "cxnet_m1", *SMALL, *GIVEN)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.split() == ["interrupted"]


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_network_without_products_is_a_failed_row(bench: Command, tmp_path: Path) -> None:
    plugin = tmp_path / "means.py"
    plugin.write_text(
        "from torch import nn\nfrom bench import register_model\n\n\n"
        "@register_model('means', description='two means')\n"
        "def means(*, in_channels, outputs, image_size):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d((in_channels, outputs)), nn.Flatten())\n"
    )
    outcome = bench(
        "speed", "means", "cxnet_m1", "--plugin", plugin, "--limits", "--image-size", 32, *GIVEN
    )
    assert outcome.code == 1
    assert "means failed: model 'means' computes no convolution" in outcome.out
    assert "| cxnet_m1 " in outcome.out


@pytest.mark.parametrize("arguments", [("--device", "cuda"), ("--against", "eager")])
def test_without_a_gpu_what_needs_one_is_refused(
    bench: Command, arguments: tuple[str, ...]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    outcome = bench("speed", "cxnet_m1", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "cuda" in outcome.err.lower()
