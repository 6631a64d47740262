"""Versions, device and commit of a run, recorded beside every result."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import bench
from bench.config.frozen import Frozen
from bench.errors import InputError

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas", "scikit-learn", "pillow")
DECISIVE = ("threads", "device", "torch")
"""Facts of an environment that change the last bits of a training, and so its result."""


def processors() -> int:
    """Processors that this process may use: on a cluster often a few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class EnvironmentRecord(Frozen):
    """The environment of a run."""

    # Of this package, Python and the libraries that results depend on, by name.
    versions: dict[str, str]
    device: str  # name of the processor or GPU
    cpu_count: int | None  # processors of the machine; None where the system does not say
    threads: int  # threads that torch computes with
    platform: str  # the operating system
    # Of this package's source, with ``+changes`` where it was edited; None where it is not known.
    commit: str | None
    date: str  # when the run began, ISO 8601 in UTC

    @property
    def facts(self) -> dict[str, str]:
        """Everything that a result can depend on, by name."""
        found = {"threads": str(self.threads), "device": self.device, **self.versions}
        return found | {"platform": self.platform, "commit": self.commit or "unknown"}


def changes(
    before: Sequence[EnvironmentRecord],
    after: EnvironmentRecord,
    *,
    names: Collection[str] | None = None,
) -> list[str]:
    """Differences of an environment to earlier ones: ``threads 2 → 1``, ``torch 2.14 → 2.15``.

    Args:
        before: of a run's attempts; the values of all are named, each once. Without any, nothing
            has changed.
        names: facts that are looked at; None is all (:attr:`EnvironmentRecord.facts`).
    """
    earlier = [each.facts for each in before]
    found = []
    for name, value in after.facts.items():
        values = list(dict.fromkeys(facts.get(name, "none") for facts in earlier))
        if values and values != [value] and (names is None or name in names):
            found.append(f"{name} {', '.join(values)} → {value}")
    return found


def pick_device(requested: str) -> torch.device:
    """The device to train on: ``auto`` takes CUDA where there is one."""
    import torch

    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if requested == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device cuda is not available here (no GPU, or a torch without CUDA): "
            "use --device cpu or --device auto"
        )
    return torch.device(requested)


def describe_environment(device: torch.device) -> EnvironmentRecord:
    """Versions, hardware, commit and the present time."""
    import torch

    versions = {"cxnet-bench": bench.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return EnvironmentRecord(
        versions=versions,
        device=_device_name(device),
        cpu_count=os.cpu_count(),
        threads=torch.get_num_threads(),
        platform=platform.platform(terse=True),
        commit=git_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def git_commit() -> str | None:
    """Commit of the source of this package, with ``+changes`` where it was edited.

    It is known in a checkout, after ``pip install`` from a repository's address, and after
    ``pip install FOLDER`` while the folder's code is still what was installed. None elsewhere.
    """
    root = Path(bench.__file__).parent.parent
    if (root / ".git").exists():
        return _head(root)
    try:
        installed = distribution("cxnet-bench")
        if Path(str(installed.locate_file("bench/__init__.py"))).parent.parent != root:
            return None  # another copy than the one that runs
        # PEP 610: where pip installed it from.
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        return None
    if "vcs_info" in origin:
        return str(origin["vcs_info"]["commit_id"])[:12]
    source = Path(url2pathname(urlsplit(origin.get("url", "")).path))
    return _head(source) if "dir_info" in origin and _code(source) == _code(root) else None


def _head(checkout: Path) -> str | None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(checkout), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


def _code(folder: Path) -> dict[Path, bytes]:
    """The Python files of the packages below a folder."""
    return {
        path.relative_to(folder): path.read_bytes()
        for package in ("bench", "cxnet", "baselines")
        for path in (folder / package).rglob("*.py")
    }


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {os.cpu_count()} cores ({cpu_model()})"


def cpu_model() -> str:
    """The processor's name where the system tells it (Linux), its architecture elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
