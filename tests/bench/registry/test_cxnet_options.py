"""The options of the paper's networks, as settings of an experiment."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.config import load_experiment
from bench.errors import InputError
from bench.execute import check_experiment
from bench.registry import find_model

NETWORKS = ("cxnet_m1", "cxnet_m1_v2")


def build(name: str, *settings: str) -> nn.Module:
    experiment = load_experiment("demo", settings=[f"models=[{name}]", *settings])
    check_experiment(experiment, device=torch.device("cpu"))
    options = experiment.model.options.get(name, {})
    return find_model(name).build(in_channels=1, outputs=2, image_size=32, options=options)


@pytest.mark.parametrize("name", NETWORKS)
def test_settings_reach_the_network(name: str) -> None:
    at = f"model.options.{name}"
    model = build(name, f"{at}.conv4_kernel=7", f"{at}.dropout_at=after_norm", f"{at}.dropout=0.2")
    conv4 = model.get_submodule("classifier.conv4")
    assert isinstance(conv4, nn.Conv2d)
    assert conv4.kernel_size == (7, 7)
    names = [child for child, _ in model.get_submodule("classifier").named_children()]
    assert names == ["conv4", "relu4", "norm", "dropout", "pool", "conv5", "flatten"]
    dropout = model.get_submodule("classifier.dropout")
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.2


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("conv4_kernel=4", "conv4_kernel must be an odd number of pixels, not 4"),
        ("conv4_kernel=true", "conv4_kernel must be an odd number of pixels, not True"),
        ("conv4_kernel=seven", "conv4_kernel must be an odd number of pixels, not 'seven'"),
        ("dropout_at=sideways", "dropout_at must be before_norm or after_norm, not 'sideways'"),
        ("dropout_at=[]", "dropout_at must be before_norm or after_norm, not []"),
        ("dropout=2", "dropout must be a share from 0 to 1, not 2"),
    ],
)
def test_a_value_out_of_range_is_one_line_before_anything_starts(
    name: str, setting: str, message: str
) -> None:
    experiment = load_experiment(
        "demo", settings=[f"models=[{name}]", f"model.options.{name}.{setting}"]
    )
    with pytest.raises(InputError) as caught:
        check_experiment(experiment, device=torch.device("cpu"))
    assert str(caught.value) == f"model.options.{name}: {message}"
