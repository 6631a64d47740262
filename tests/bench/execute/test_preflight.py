"""Mistakes in an experiment are found before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench.config import load_experiment
from bench.errors import InputError
from bench.execute.controls import CONTROLS
from bench.execute.preflight import check_levels, plan_cells
from bench.registry import LOSSES, MODELS
from bench.registry.plugins import load_plugin
from tests.absent import packaged_weights

CPU = torch.device("cpu")
ODD = """
import torch
from torch import nn
from bench import register_loss, register_model


def raise_out_of_memory(logits):
    raise torch.OutOfMemoryError("no memory")


class Shapeless(nn.Module):
    def forward(self, logits, targets):
        return logits


@register_loss('shapeless', description='no scalar')
def shapeless(*, kind, class_weights=None):
    return Shapeless()


class Trained(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(1600, 2))
        self.change = change

    def forward(self, x):
        return self.change(self.body(x)) if self.training else self.body(x)


@register_model('odd', description='odd')
def odd(*, in_channels, outputs, image_size):
"""


def test_a_sound_experiment_gives_its_task_and_cells() -> None:
    packaged_weights("tf_efficientnet_lite0")
    experiment = load_experiment("demo")
    assert check_levels([experiment], device=CPU)[0].task.name == "m1"
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
        check_levels([load_experiment("demo", settings=settings)], device=CPU)
    assert "\n" not in str(caught.value)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Registers the model ``odd``, which makes what an expression gives."""

    def register(body: str) -> None:
        path = tmp_path / "odd.py"
        path.write_text(ODD + f"    return {body}\n")
        load_plugin(path)

    yield register
    MODELS.remove("odd")
    LOSSES.remove("shapeless")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("nn.Flatten()", r"answers one image with shape \(1, 1600\), not with logits"),
        ("nn.LSTM(32, 2)", "model 'odd' fails on an image of 1×40×40: "),
        ("nn.Linear(3, 2)", "model 'odd' fails on an image of 1×40×40: RuntimeError"),
        ("Trained(lambda y: (y, y))", r"with a tuple in training mode, not .* \(2, 2\): switch "),
        ("Trained(lambda y: {'logits': y})", "answers 2 images with a dict in training mode"),
        ("Trained(lambda y: y[:1])", r"with shape \(1, 2\) in training mode"),
        ("Trained(lambda y: y.undefined)", "'odd' fails in training mode on 2 images of 1×40×40: "),
        ("Trained(lambda y: y / 0)", "model 'odd' has no finite logits in training mode"),
        ("Trained(lambda y: (y - y).sqrt())", "the gradient of body.1.weight is not finite"),
        ("Trained(lambda y: y.detach())", "model 'odd' has nothing to train"),
        ("Trained(lambda y: exit(3))", "model 'odd' fails in training mode on .*: SystemExit: 3"),
    ],
)
def test_a_network_with_another_answer_is_refused(
    odd: Callable[[str], None], body: str, message: str
) -> None:
    odd(body)
    with pytest.raises(InputError, match=message):
        check_levels([load_experiment("demo", settings=["models=[odd]"])], device=CPU)


def test_a_model_or_loss_that_cannot_be_trained_is_a_fault_of_its_own_cells(
    odd: Callable[[str], None],
) -> None:
    odd("Trained(lambda y: (y, y))")
    settings = ["models=[odd,cxnet_m1]", "losses=[shapeless,ce]"]
    (checked,) = check_levels([load_experiment("demo", settings=settings)], device=CPU)
    faults = {
        (model, loss): str(checked.fault(model=model, loss=loss)).partition(" answers")[0]
        for model in ("odd", "cxnet_m1")
        for loss in ("shapeless", "ce")
    }
    shapeless = "loss 'shapeless' returns a tensor of shape (8, 2): return the mean over the images"
    assert faults == {
        ("odd", "shapeless"): "model 'odd'",
        ("odd", "ce"): "model 'odd'",
        ("cxnet_m1", "shapeless"): f"{shapeless}, a scalar",
        ("cxnet_m1", "ce"): "None",
    }


@pytest.mark.parametrize(
    "mistake",
    ["model.options.odd.x=1", "loss.options.shapeless.x=1", "model.options.cxnet_m1.dropout=2"],
)
def test_a_wrong_option_refuses_all(odd: Callable[[str], None], mistake: str) -> None:
    odd("Trained(lambda y: (y, y))")
    settings = ["models=[odd,cxnet_m1]", "losses=[shapeless,ce]", mistake]
    with pytest.raises(InputError, match=r"takes no option 'x': it takes none|must be a share"):
        check_levels([load_experiment("demo", settings=settings)], device=CPU)


def test_where_no_cell_can_be_trained_all_is_refused(odd: Callable[[str], None]) -> None:
    odd("Trained(nn.Identity())")
    settings = ["models=[odd]", "losses=[shapeless]"]
    with pytest.raises(InputError, match="loss 'shapeless' returns a tensor of shape"):
        check_levels([load_experiment("demo", settings=settings)], device=CPU)


def test_the_look_at_a_network_leaves_the_random_state(odd: Callable[[str], None]) -> None:
    odd("Trained(nn.Dropout(0.5))")
    before = torch.get_rng_state()
    check_levels([load_experiment("demo", settings=["models=[odd]"])], device=CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_memory_that_does_not_suffice_is_left_to_the_training(odd: Callable[[str], None]) -> None:
    odd("Trained(raise_out_of_memory)")
    check_levels([load_experiment("demo", settings=["models=[odd]"])], device=CPU)
