"""What ``tools/preparation.py`` makes of its measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.preparation import FILES, compare, named, peak_mb, plain_loop, prepare, write_radiographs

SIDE = 300


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("preparation") / "radiographs"
    return named(write_radiographs(folder, side=SIDE), FILES + 2)


def test_both_ways_have_the_same_pixels(files: dict[str, Path], tmp_path: Path) -> None:
    store = prepare(files, tmp_path, workers=2)
    np.testing.assert_array_equal(store.pixels, plain_loop(files))
    # Names beyond the number of files are the files again.
    np.testing.assert_array_equal(store.pixels[:2], store.pixels[FILES:])
    assert len(np.unique(store.pixels[:FILES].reshape(FILES, -1), axis=0)) == FILES


def test_each_way_is_held_against_the_plain_one_core_for_core(
    files: dict[str, Path], tmp_path: Path
) -> None:
    rates = compare(files, tmp_path, rounds=2, threads=2)
    assert [each["threads"] for each in rates.values()] == [1, 1, 2]
    assert rates["plain"]["ratio"]["repeats"] == [1.0, 1.0]
    plain = rates["plain"]["images_per_second_per_core"]["repeats"]
    for each in rates.values():
        rate = each["images_per_second_per_core"]["repeats"]
        assert each["ratio"]["repeats"] == [a / b for a, b in zip(rate, plain, strict=True)]


def test_the_peak_is_that_of_a_process_of_its_own(files: dict[str, Path], tmp_path: Path) -> None:
    held = bytearray(2**29)  # here, which is not to be counted there
    peak = peak_mb(files, tmp_path / "cache", threads=1)
    assert 20 < peak < len(held) / 1e6
    assert len(list((tmp_path / "cache").glob("*/pixels.npy"))) == 1
