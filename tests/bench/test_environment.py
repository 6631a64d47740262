"""What is recorded of the machine."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch

import bench
from bench.environment import describe_environment, git_commit, pick_device
from bench.errors import InputError


def test_the_environment_is_json_and_names_what_results_depend_on() -> None:
    environment = describe_environment(torch.device("cpu"))
    versions = environment.versions
    assert versions["cxnet-bench"] == bench.__version__
    assert versions["python"] == platform.python_version()
    assert torch.__version__.startswith(versions["torch"])  # which adds the build: 2.6.0+cu124
    assert {"timm", "numpy", "pandas"} <= set(versions)
    assert environment.threads == torch.get_num_threads()
    assert environment.device.startswith("CPU, ")
    date = datetime.fromisoformat(environment.date)
    assert date.utcoffset() == timedelta(0)


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu")
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="use --device cpu"):
        pick_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit, in which the package seems to lie."""
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "bench" / "__init__.py"
    file.parent.mkdir()
    file.write_text("")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    monkeypatch.setattr(bench, "__file__", str(file))
    return tmp_path


def test_the_commit_says_whether_files_were_changed(checkout: Path) -> None:
    head = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout
    assert git_commit() == head[:12]
    (checkout / "notes.txt").write_text("not of the code")
    assert git_commit() == head[:12]
    (checkout / "bench" / "__init__.py").write_text("changed = True\n")
    assert git_commit() == head[:12] + "+changes"


def test_no_commit_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package; a repository without a commit; a machine without git."""
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    assert git_commit() is None
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    assert git_commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit() is None
