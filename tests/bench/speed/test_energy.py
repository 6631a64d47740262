"""Joules from the files of Linux's power capping framework, and from NVIDIA's library."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.speed.energy import energy_counter, of_packages

CUDA = torch.device("cuda")
BOARD = "GPU-01234567-89ab-cdef-0123-456789abcdef"


def package(folder: Path, name: str, *, energy: int, size: int = 1_000_000_000) -> Path:
    place = folder / name
    place.mkdir()
    (place / "max_energy_range_uj").write_text(f"{size}\n")
    file = place / "energy_uj"
    file.write_text(f"{energy}\n")
    return file


def test_packages_are_added_and_wrap_at_their_range(tmp_path: Path) -> None:
    first = package(tmp_path, "intel-rapl:0", energy=999_000_000)
    second = package(tmp_path, "intel-rapl:1", energy=5)
    # A part of the first package, whose energy is in that of the package.
    part = package(tmp_path, "intel-rapl:0:0", energy=0)
    joules = of_packages(tmp_path)
    assert joules is not None
    assert joules() == 0.0
    first.write_text("4000000\n")
    part.write_text("900000000\n")
    assert joules() == 5.0
    second.write_text("2000005\n")
    assert joules() == 7.0


def test_what_cannot_be_read_is_not_told(tmp_path: Path) -> None:
    assert of_packages(tmp_path) is None
    assert of_packages(tmp_path / "absent") is None
    package(tmp_path, "intel-rapl:0", energy=3).unlink()
    assert of_packages(tmp_path) is None


class Library:
    """Stands in for NVIDIA's, of a driver that counts; asked for one board."""

    millijoules = 0

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetHandleByUUID(self, name: bytes, _board: Any) -> int:  # noqa: N802
        return 0 if name == BOARD.encode() else 6

    def nvmlDeviceGetTotalEnergyConsumption(self, _board: Any, found: Any) -> int:  # noqa: N802
        found._obj.value = self.millijoules
        return 0


def stand_in(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    board = SimpleNamespace(uuid=BOARD.removeprefix("GPU-"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: board)


def test_a_board_counts_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    stand_in(library, monkeypatch)
    joules = energy_counter(CUDA)
    assert joules is not None
    library.millijoules = 2_500
    assert joules() == 2.5


@pytest.mark.parametrize("function", [name for name in vars(Library) if name.startswith("nvml")])
def test_a_library_that_refuses_or_lacks_a_function_tells_nothing(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    setattr(library, function, lambda *_: 3)
    stand_in(library, monkeypatch)
    assert energy_counter(CUDA) is None
    names = [name for name in vars(Library) if name.startswith("nvml") and name != function]
    stand_in(SimpleNamespace(**{name: getattr(library, name) for name in names}), monkeypatch)
    assert energy_counter(CUDA) is None


def test_without_the_library_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert energy_counter(CUDA) is None
