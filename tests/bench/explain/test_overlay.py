"""Pictures of maps: their size, the plain half, and what is drawn where."""

from __future__ import annotations

import numpy as np

from bench.explain.overlay import GAP, draw_overlay


def test_a_small_image_is_enlarged_and_its_proportions_kept() -> None:
    gray = np.full((64, 32), 100, np.uint8)
    picture = np.asarray(draw_overlay(gray, np.zeros((4, 4), np.float32)))
    assert picture.shape == (512, 2 * 256 + GAP, 3)
    assert (picture[:, :256] == 100).all()
    assert (picture[:, 256 + GAP :] == 100).all()  # no evidence, nothing drawn


def test_a_large_image_is_reduced() -> None:
    gray = np.zeros((1000, 3000), np.uint8)
    picture = draw_overlay(gray, np.zeros((2, 2), np.float32))
    assert picture.size == (2 * 1024 + GAP, 341)


def test_the_largest_value_has_the_last_colour_and_negative_ones_none() -> None:
    gray = np.full((512, 512), 50, np.uint8)
    heat = np.full((8, 8), -3.0, np.float32)
    heat[:3, 5:] = 2.0
    right = np.asarray(draw_overlay(gray, heat))[:, 512 + GAP :]
    yellow = np.array([253, 231, 37])  # the last of viridis
    found = right[96, 416]
    assert np.abs(found - (0.4 * 50 + 0.6 * yellow)).max() <= 1.5
    assert (right[300:] == 50).all()
    assert (right[:, :288] == 50).all()
