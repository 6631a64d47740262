"""Models of a run, from names and patterns on the command line."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.registry.models import select_models

CONFIGURED = ("cxnet_m1", "resnet18", "mobilenetv3_small_100")


@pytest.mark.parametrize(
    ("wanted", "take_all", "chosen"),
    [
        ((), True, CONFIGURED),
        (("resnet*",), True, ("resnet18",)),
        (("resnet*",), False, ("resnet18", "resnet50")),
        (("densenet121",), True, ("densenet121",)),
        (("cxnet_m1", "cxnet*"), False, ("cxnet_m1", "cxnet_m1_v2")),
        (("timm:resnet10t",), False, ("timm:resnet10t",)),
    ],
)
def test_selecting_models(wanted: tuple[str, ...], take_all: bool, chosen: tuple[str, ...]) -> None:
    assert select_models(wanted, configured=CONFIGURED, take_all=take_all) == chosen


@pytest.mark.parametrize(
    ("wanted", "take_all", "message"),
    [
        ((), False, "nothing to run: name models"),
        (("vgg*",), True, r"no model fits 'vgg\*' among: cxnet_m1, resnet18"),
        (("resnet81",), True, "unknown model 'resnet81'"),
    ],
)
def test_selecting_nothing_is_refused(
    wanted: tuple[str, ...], take_all: bool, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        select_models(wanted, configured=CONFIGURED, take_all=take_all)
