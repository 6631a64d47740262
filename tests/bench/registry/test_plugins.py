"""A user's own file adds models, losses and data sources."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import InputError
from bench.registry import MODELS, find_model
from bench.registry.plugins import load_plugin


def test_a_plugin_registers_a_model_that_is_built_with_its_options(tiny_plugin: Path) -> None:
    load_plugin(tiny_plugin)
    try:
        entry = find_model("tiny")
        network = entry.build(in_channels=1, outputs=2, image_size=32, options={"width": 8})
        assert network(torch.zeros(3, 1, 32, 32)).shape == (3, 2)
        assert sum(p.numel() for p in network.parameters()) == 8 * 25 + 8 + 2 * 8 + 2
    finally:
        MODELS.remove("tiny")


def test_a_plugin_is_loaded_once(tiny_plugin: Path) -> None:
    load_plugin(tiny_plugin)
    try:
        load_plugin(tiny_plugin)
    finally:
        MODELS.remove("tiny")


def test_an_option_that_the_factory_does_not_take_is_refused(tiny_plugin: Path) -> None:
    load_plugin(tiny_plugin)
    try:
        with pytest.raises(InputError, match="model 'tiny' takes no option 'w': known: width"):
            find_model("tiny").build(in_channels=1, outputs=2, image_size=32, options={"w": 8})
    finally:
        MODELS.remove("tiny")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import torch\n\nnames = undefined\n", "plugin bad.py, line 3: NameError: name 'undefi"),
        ("def (:\n", "plugin bad.py, line 1: SyntaxError"),
        (
            "from bench import register_model\n"
            "@register_model('cxnet_m1', description='x')\n"
            "def f(**k): ...\n",
            "plugin bad.py: model 'cxnet_m1' is registered already",
        ),
        ("import no_such_module_here\n", "plugin bad.py, line 1: ModuleNotFoundError"),
    ],
)
def test_a_broken_plugin_is_one_line_that_names_its_own_line(
    tmp_path: Path, code: str, message: str
) -> None:
    path = tmp_path / "bad.py"
    path.write_text(code)
    with pytest.raises(InputError) as caught:
        load_plugin(path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plugin '.*nope\.py' is not there"):
        load_plugin(tmp_path / "nope.py")
