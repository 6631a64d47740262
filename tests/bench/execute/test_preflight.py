"""Mistakes in an experiment are found before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.config import load_experiment
from bench.errors import InputError
from bench.execute import check_experiment, plan_cells
from bench.execute.controls import CONTROLS
from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from tests.absent import packaged_weights

CPU = torch.device("cpu")


def test_a_sound_experiment_gives_its_task_and_cells() -> None:
    packaged_weights("tf_efficientnet_lite0")
    experiment = load_experiment("demo")
    assert check_experiment(experiment, device=CPU).name == "m1"
    cells = plan_cells(experiment, device=CPU)
    assert len(cells) == len(CONTROLS) + (2 + 1) * 2
    # What "auto" comes to on this device is part of the key.
    assert cells[-1].network.train.precision == "float32"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("models=[cxnet_m2]",), "unknown model 'cxnet_m2': did you mean cxnet_m1"),
        (("losses=[sine]",), "unknown loss 'sine': did you mean sin"),
        (("controls=[piror]",), "unknown control 'piror': did you mean prior?"),
        (("task=m9",), "unknown task 'm9': known: m1, m2, m3, m4, findings14"),
        (("data.source=nhi",), "unknown data source 'nhi': did you mean nih?"),
        (("data.options.image=3",), "data.options of source 'phantom': unknown key 'image': did"),
        (("model.options.vgg16.x=1",), "unknown model 'vgg16': did you mean vgg16_bn"),
        (("model.both=[cxnet_m1]",), "model.both: model 'cxnet_m1' has no pretrained weights"),
        (
            ("model.options.cxnet_m1.drop=1",),
            "model 'cxnet_m1' takes no option 'drop': did you mean dropout",
        ),
        (("models=[inception_v3]",), "'inception_v3' needs images of at least 75 px, not 40"),
        (("train.optimizer=sdg",), "unknown optimizer 'sdg': did you mean sgd"),
        (("train.optimizer=SGD",), "unknown optimizer 'SGD': did you mean sgd"),
        (("train.optimizer=adahessian",), "optimizer 'adahessian' cannot be used here: "),
    ],
)
def test_a_mistake_is_one_line(settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_experiment(load_experiment("demo", settings=settings), device=CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("nn.Flatten()", r"answers one image with shape \(1, 1600\), not with logits"),
        ("nn.LSTM(32, 2)", "model 'odd' fails on an image of 1×40×40: "),
        ("nn.Linear(3, 2)", "model 'odd' fails on an image of 1×40×40: RuntimeError"),
    ],
)
def test_a_network_with_another_answer_is_refused(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(
        "from torch import nn\nfrom bench import register_model\n"
        "@register_model('odd', description='odd')\n"
        f"def odd(*, in_channels, outputs, image_size):\n    return {body}\n"
    )
    load_plugin(path)
    try:
        with pytest.raises(InputError, match=message):
            check_experiment(load_experiment("demo", settings=["models=[odd]"]), device=CPU)
    finally:
        MODELS.remove("odd")
