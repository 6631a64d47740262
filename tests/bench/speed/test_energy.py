"""Joules from the files of Linux's power capping framework."""

from __future__ import annotations

from pathlib import Path

from bench.speed.energy import of_packages


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
