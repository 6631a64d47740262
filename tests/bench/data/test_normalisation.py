"""Mean and standard deviation of the pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bench.data.normalisation import measure_normalisation


def test_normalisation_is_numpys_mean_and_standard_deviation_of_the_given_rows() -> None:
    random = np.random.default_rng(0)
    # Three images are counted at once, so that there are two chunks.
    pixels = random.integers(0, 256, size=(30, 200, 200), dtype=np.uint8)
    rows = np.array([3, 4, 29, 7])
    measured = measure_normalisation(pixels, rows)
    chosen = pixels[rows] / 255.0
    assert measured.mean == pytest.approx(chosen.mean(), rel=1e-12)
    assert measured.std == pytest.approx(chosen.std(), rel=1e-12)


def test_normalisation_takes_little_memory_whatever_the_number_and_size_of_images() -> None:
    pixels = np.zeros((64, 512, 512), dtype=np.uint8)
    tracemalloc.start()
    try:
        measure_normalisation(pixels, np.arange(64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20  # one image and its copy in eight bytes a pixel


def test_a_constant_image_set_does_not_divide_by_zero() -> None:
    pixels = np.full((3, 4, 4), 7, dtype=np.uint8)
    assert measure_normalisation(pixels, np.arange(3)).std > 0
