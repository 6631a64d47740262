"""What a run ran on: versions, device, commit. Recorded beside every result."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import bench
from bench.config.schema import Frozen
from bench.errors import InputError

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas", "scikit-learn", "pillow")


class EnvironmentRecord(Frozen):
    """The environment of a run.

    Attributes:
        versions: of this package, Python and the libraries that results depend on, by name.
        device: name of the processor or GPU.
        cpu_count: processors of the machine; None where the system does not say.
        threads: threads that torch computes with.
        platform: the operating system.
        commit: of the checkout this package ran from, with ``+changes`` where it was edited; None
            where it is not known.
        date: when the run began, ISO 8601 in UTC.
    """

    versions: dict[str, str]
    device: str
    cpu_count: int | None
    threads: int
    platform: str
    commit: str | None
    date: str


def pick_device(wish: str) -> torch.device:
    """The device to train on: ``auto`` takes CUDA where there is one.

    Raises:
        InputError: ``cuda`` is wished for and not there.
    """
    import torch

    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device cuda is not available here (no GPU, or a torch without CUDA): "
            "use --device cpu or --device auto"
        )
    return torch.device(wish)


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
    """Commit of the checkout this package runs from, with ``+changes`` where it was edited.

    None for an installed package, of which the version alone is known, and without git.
    """
    checkout = Path(bench.__file__).parent.parent
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {os.cpu_count()} cores ({_cpu_model()})"


def _cpu_model() -> str:
    """The processor's name where the system tells it (Linux), its architecture elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
