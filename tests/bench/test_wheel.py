"""The wheel, installed as a user installs it and used from a folder of the user's own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from bench.config import shipped_names

CHECKOUT = Path(__file__).resolve().parents[2]


def _run(*command: object, cwd: Path) -> str:
    """Standard output of a command that must succeed."""
    # pytest's own settings of Python (-W, PYTHONPATH) are not the user's.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, env=clean
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as for a release; the build fetches hatchling where it is not installed."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    command = (sys.executable, "-m", "build", "--wheel", *offline, "--outdir", folder, CHECKOUT)
    _run(*command, cwd=folder)
    (built,) = folder.glob("cxnet_bench-*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel in it.

    The dependencies come from this environment by a line of a ``.pth`` file. Such a line does
    not read the other folder's own ``.pth`` files, so an editable install there stays unseen.
    """
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False)
    scripts = folder / "bin"
    python = scripts / "python"
    where = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    dependencies = Path(where.strip()) / "dependencies.pth"
    dependencies.write_text(sysconfig.get_path("purelib") + "\n")
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel)
    _run(sys.executable, "-m", "pip", "--python", python, *install, cwd=folder)
    return scripts


def test_the_wheel_holds_the_packages_the_configs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"bench", "cxnet", "baselines"}
    for name in shipped_names():
        assert f"bench/shipped_configs/{name}.yaml" in names
    assert "bench/shipped_reference.csv" in names


def test_an_installed_wheel_runs_from_any_folder(scripts: Path, tmp_path: Path) -> None:
    where = _run(scripts / "python", "-c", "import bench; print(bench.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(scripts.parent)
    models = _run(scripts / "bench", "list", "models", "cxnet_m1", cwd=tmp_path)
    assert "multiply-adds at 40 px" in models  # as the shipped config demo says
    assert "3,374,594" in models  # counted by building it
    assert not list(tmp_path.iterdir())
