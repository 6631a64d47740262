"""A user's own file adds models, losses and data sources."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

import bench
from bench.errors import InputError
from bench.registry import NetworkShape, find_model
from bench.registry.plugins import load_entry_points, load_plugin

pytestmark = pytest.mark.usefixtures("registries_kept")


def test_a_plugin_registers_a_model_that_is_built_with_its_options(tiny_plugin: Path) -> None:
    load_plugin(tiny_plugin)
    load_plugin(tiny_plugin)  # a second time does nothing
    entry = find_model("tiny")
    network = entry.build(
        NetworkShape(in_channels=1, outputs=2, image_size=32, options={"width": 8})
    )
    assert network(torch.zeros(3, 1, 32, 32)).shape == (3, 2)
    assert sum(p.numel() for p in network.parameters()) == 8 * 25 + 8 + 2 * 8 + 2
    with pytest.raises(InputError, match="model 'tiny' takes no option 'w': known: width"):
        entry.build(NetworkShape(in_channels=1, outputs=2, image_size=32, options={"w": 8}))


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
        (None, "plugin '"),
    ],
)
def test_a_broken_plugin_is_one_line_that_names_its_own_line(
    tmp_path: Path, code: str | None, message: str
) -> None:
    path = tmp_path / "bad.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(InputError) as caught:
        load_plugin(path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_partial_of_a_built_in_factory_is_the_plugins_own(tmp_path: Path) -> None:
    """Else an edited plugin would be shown its old results."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from functools import partial\n"
        "from bench import register_model\n"
        "from cxnet import CXNetM1\n"
        "register_model('wet', description='less dropout')(partial(CXNetM1, dropout=0.1))\n"
    )
    load_plugin(path)
    assert find_model("wet").source.startswith("bench_plugin_")
    assert find_model("cxnet_m1").source == "built in"
    network = find_model("wet").build(NetworkShape(in_channels=1, outputs=2, image_size=8))
    assert [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)] == [0.1]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a package of one module that is a plugin."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        about = tmp_path / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[cxnet_bench.plugins]\n{name} = {name}\n")

    return install


def test_an_installed_package_registers_itself_by_an_entry_point(
    install: Callable[[str, str], None],
) -> None:
    install(
        "installed_model",
        "from bench import register_model\n"
        "@register_model('installed', description='from a package')\n"
        "def installed(*, in_channels, outputs, image_size): ...\n",
    )
    load_entry_points()
    assert find_model("installed").source == "installed_model"


@pytest.mark.parametrize(
    "call",
    [
        load_entry_points,
        partial(bench.run, "demo"),
        partial(bench.tune, "demo"),
        partial(bench.load_model, "no-such-run"),
    ],
    ids=["the command", "run", "tune", "load_model"],
)
def test_python_loads_the_installed_plugins_that_the_command_loads(
    install: Callable[[str, str], None], call: Callable[[], object]
) -> None:
    install("broken_model", "raise RuntimeError('no luck')\n")
    with pytest.raises(
        InputError, match=r"installed plugin 'broken_model' .*RuntimeError: no luck$"
    ):
        call()
