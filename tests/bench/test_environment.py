"""The record of the machine: device, versions, commit."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch

import bench
from bench.environment import (
    DECISIVE,
    changes,
    describe_environment,
    git_commit,
    pick_device,
)
from bench.errors import InputError
from tests.bench.records import ENVIRONMENT


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
    tmp_path = tmp_path / "checkout"
    tmp_path.mkdir()
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


@pytest.fixture
def installed(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package in a folder of installed ones, of which pip recorded the origin."""
    site = tmp_path / "site-packages"
    shutil.copytree(checkout / "bench", site / "bench")
    about = site / "cxnet_bench-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cxnet-bench\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(bench, "__file__", str(site / "bench" / "__init__.py"))
    return about / "direct_url.json"


def test_an_installed_package_knows_the_commit_of_its_repository(installed: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    origin = {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": commit}}
    installed.write_text(json.dumps(origin))
    assert git_commit() == commit[:12]


def test_an_installed_package_knows_the_commit_of_its_folder_while_the_code_is_the_same(
    installed: Path, checkout: Path
) -> None:
    installed.write_text(json.dumps({"url": checkout.as_uri(), "dir_info": {}}))
    commit = git_commit()
    assert commit is not None
    assert len(commit) == 12
    (checkout / "bench" / "__init__.py").write_text("changed = True\n")
    assert git_commit() is None  # that folder's code is not what runs here
    installed.write_text(json.dumps({"url": (checkout / "x.whl").as_uri(), "archive_info": {}}))
    assert git_commit() is None
    installed.unlink()
    assert git_commit() is None


def test_no_commit_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package; a repository without a commit; a machine without git."""
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    assert git_commit() is None
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    assert git_commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit() is None


def test_changes_name_what_is_other_than_in_any_earlier_attempt() -> None:
    before = ENVIRONMENT
    one_thread = before.model_copy(update={"threads": 1, "date": "2026-02-03T00:00:00+00:00"})
    elsewhere = one_thread.model_copy(update={"versions": {**before.versions, "torch": "2.7"}})
    assert changes([before], before) == []
    assert changes([before], one_thread) == ["threads 2 → 1"]
    assert changes([before, one_thread], elsewhere) == ["threads 2, 1 → 1", "torch 2.6 → 2.7"]
    edited = before.model_copy(update={"commit": None})
    assert changes([before], edited) == ["commit abc123 → unknown"]
    assert changes([before], edited, names=DECISIVE) == []
