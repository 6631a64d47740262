"""Preparing images as large as ChestX-ray14's, beside a plain Pillow loop in one thread.

Ours also digests the original pixels, marks what is done on the disk, and takes every processor.
``tools/preparation.py`` measures the same turn by turn, and the memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.pixel_store import PixelStore
from tools.preparation import IMAGES_A_THREAD, SIDE, named, plain_loop, prepare, write_radiographs

ROUNDS = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("preparation") / "radiographs"
    return named(write_radiographs(folder, side=SIDE), 2 * IMAGES_A_THREAD)


def test_a_plain_pillow_loop(benchmark: BenchmarkFixture, files: Mapping[str, Path]) -> None:
    pixels = benchmark.pedantic(plain_loop, args=(files,), rounds=ROUNDS, warmup_rounds=1)
    assert pixels.any(axis=(1, 2)).all()


@pytest.mark.parametrize("workers", [1, None], ids=["one thread", "all processors"])
def test_preparing_a_store(
    benchmark: BenchmarkFixture, files: Mapping[str, Path], tmp_path: Path, workers: int | None
) -> None:
    caches = (tmp_path / str(number) for number in itertools.count())

    def prepare_anew() -> PixelStore:
        return prepare(files, next(caches), workers=workers)

    store = benchmark.pedantic(prepare_anew, rounds=ROUNDS, warmup_rounds=1)
    np.testing.assert_array_equal(store.pixels, plain_loop(files))
