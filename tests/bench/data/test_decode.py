"""From original pixels to squares of one size, and their digests."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.data.decode import digest, resize


def test_shrinking_averages_areas() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    assert resize(pixels, 2).tolist() == [[25, 45], [105, 125]]
    assert resize(pixels, 1).tolist() == [[75]]


def test_each_side_takes_its_own_filter() -> None:
    """Four columns are averaged into two, one row is repeated into two."""
    row = np.array([[10, 20, 100, 200]], np.uint8)
    assert resize(row, 2).tolist() == [[15, 150], [15, 150]]
    assert resize(row.T, 2).tolist() == [[15, 15], [150, 150]]


def test_enlarging_interpolates_linearly() -> None:
    enlarged = resize(np.array([[0, 100], [0, 100]], np.uint8), 4)
    assert enlarged.tolist() == [[0, 25, 75, 100]] * 4


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 40),
    value=st.integers(0, 255),
)
def test_resizing_keeps_a_flat_image_flat(height: int, width: int, size: int, value: int) -> None:
    resized = resize(np.full((height, width), value, np.uint8), size)
    assert resized.shape == (size, size)
    assert (resized == value).all()


def test_digests_differ_for_other_pixels_and_other_shapes() -> None:
    pixels = np.arange(12, dtype=np.uint8)
    same = [pixels.reshape(3, 4), np.asfortranarray(pixels.reshape(3, 4))]
    others = [pixels.reshape(4, 3), pixels.reshape(3, 4) + 1]
    assert len({digest(array) for array in same}) == 1
    assert len({digest(array) for array in same + others}) == 3
