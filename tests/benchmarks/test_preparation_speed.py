"""Preparing images as large as ChestX-ray14's, beside a plain Pillow loop in one thread.

Ours also digests the original pixels, marks what is done on the disk, and takes every processor.
Images/s/core of the two are to be compared in one run, since machines differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.image_files import FileReader
from bench.data.pixels import PixelStore, open_pixels
from bench.data.study import StudyTable, study_rows

# Few files under many names: to make them takes longer than to read them. A thread takes 16 images
# at a time, so that two threads have equal shares of these.
IMAGES, FILES, SIDE, SIZE = 96, 6, 1024, 224
ROUNDS = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Smooth shades and a detector's noise: files of about 0.4 MB, as the real ones."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("radiographs")
    paths = [folder / f"{number:02d}.png" for number in range(FILES)]
    for path in paths:
        shades = Image.fromarray(random.integers(20, 220, (9, 9), dtype=np.uint8))
        smooth = np.asarray(shades.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        noisy = np.clip(smooth + random.normal(0, 1.5, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(path)
    return {f"{row:02d}.png": paths[row % FILES] for row in range(IMAGES)}


def plain_loop(files: Mapping[str, Path]) -> NDArray[np.uint8]:
    pixels = np.empty((len(files), SIZE, SIZE), np.uint8)
    for row, path in enumerate(files.values()):
        with Image.open(path) as image:
            gray = image.convert("L").resize((SIZE, SIDE), Image.Resampling.BOX)
            pixels[row] = np.asarray(gray.resize((SIZE, SIZE), Image.Resampling.BOX))
    return pixels


def test_a_plain_pillow_loop(benchmark: BenchmarkFixture, files: Mapping[str, Path]) -> None:
    pixels = benchmark.pedantic(plain_loop, args=(files,), rounds=ROUNDS, warmup_rounds=1)
    assert pixels.any(axis=(1, 2)).all()


@pytest.mark.parametrize("workers", [1, None], ids=["one thread", "all processors"])
def test_preparing_a_store(
    benchmark: BenchmarkFixture, files: Mapping[str, Path], tmp_path: Path, workers: int | None
) -> None:
    rows = study_rows({"image": list(files), "findings": [()] * len(files)})
    study = StudyTable(name="test", rows=rows, finding_names=(), reader=FileReader(files))
    caches = (tmp_path / str(number) for number in itertools.count())

    def prepare() -> PixelStore:
        return open_pixels(study, image_size=SIZE, cache=next(caches), workers=workers)

    store = benchmark.pedantic(prepare, rounds=ROUNDS, warmup_rounds=1)
    np.testing.assert_array_equal(store.pixels, plain_loop(files))
