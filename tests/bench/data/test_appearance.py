"""Whether images are unlike the training images, on the phantom and on real radiographs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from bench.config import load_experiment
from bench.data.appearance import Appearance, measure_appearance, measure_squares
from bench.data.decode import decode_all, resize
from bench.data.image_files import read_grayscale
from bench.data.load import open_study
from tests.shared_data import shared

SIDE = 32


@cache
def phantom() -> NDArray[np.uint8]:
    """400 synthetic radiographs."""
    changes = {"data.options.images": 400, "data.image_size": SIDE}
    study = open_study(load_experiment("demo", changes=changes).data)
    assert study.reader is not None
    return np.stack([each.pixels for each in decode_all(study.reader, study.rows["image"], SIDE)])


@cache
def kermany() -> NDArray[np.uint8]:
    """400 of children's radiographs, normal ones and others."""
    paths = sorted((shared("kermany") / "images").glob("*"))
    some = paths[:: len(paths) // 400][:400]
    return np.stack([resize(read_grayscale(path), SIDE) for path in some])


def halves(pixels: NDArray[np.uint8]) -> tuple[Appearance, NDArray[np.uint8]]:
    """The reference of every other image, and the images that it has not seen."""
    rows = np.arange(len(pixels))
    measured = measure_appearance(
        pixels, np.zeros(len(pixels), bool), training=rows[::2], validation=rows[1::2]
    )
    assert measured is not None
    return measured, pixels[1::2]


def photos() -> NDArray[np.uint8]:
    """A temple and a flower, whole and in quarters."""
    whole = [np.asarray(Image.fromarray(p).convert("L")) for p in load_sample_images().images]
    parts = [p[y : y + 213, x : x + 320] for p in whole for y in (0, 213) for x in (0, 320)]
    return np.stack([resize(np.ascontiguousarray(p), SIDE) for p in whole + parts])


@pytest.mark.parametrize("source", [phantom, kermany])
def test_what_is_no_radiograph_is_unlike(source: Callable[[], NDArray[np.uint8]]) -> None:
    measured, others = halves(source())
    random = np.random.default_rng(1)
    strange = {
        "noise": random.integers(0, 256, others.shape).astype(np.uint8),
        "inverted": 255 - others,
        "black": np.zeros_like(others),
        "white": np.full_like(others, 255),
        "gray": np.full_like(others, 128),
        "turned": np.rot90(others, axes=(1, 2)),
        "photos": photos(),
    }
    shares = {
        name: float((measured.compare(images)[0] > measured.limit).mean())
        for name, images in strange.items()
    }
    assert min(shares.values()) > 0.9, shares
    assert [shares[name] for name in ("noise", "black", "white", "gray")] == [1.0] * 4


@pytest.mark.parametrize("source", [phantom, kermany])
def test_false_alarms_on_other_images_are_near_the_stated_share(
    source: Callable[[], NDArray[np.uint8]],
) -> None:
    measured, others = halves(source())
    assert (measured.training_images, measured.validation_images) == (200, 200)
    distances, _ = measured.compare(others)
    assert measured.false_alarms == (distances > measured.limit).sum()
    # A true share of 1 % gives more than 8 of 200 images once in 5,000 times.
    assert measured.false_alarms <= 8


def test_the_limit_is_that_of_training_images_each_left_out() -> None:
    pixels = phantom()[:120]
    measured, _ = halves(np.repeat(pixels, 2, axis=0))
    template = np.array(measured.mean_image).reshape(8, 8)
    values = measure_squares(pixels, template)
    left_out = []
    for row in range(len(values)):
        rest = np.delete(values, row, axis=0)
        covariance = np.cov(rest, rowvar=False)
        off = values[row] - rest.mean(axis=0)
        left_out.append(off @ np.linalg.solve(covariance, off))
    # Of 120 images one may be beyond. What keeps the matrix regular changes the third digit.
    assert measured.limit == pytest.approx(sorted(left_out)[-2], rel=2e-2)


def test_statistics_of_a_square_known_by_hand() -> None:
    square = np.zeros((1, 16, 16), np.uint8)
    square[:, :, 8:] = 240
    template = np.tile(np.repeat([0.0, 10.0], 4), (8, 1))
    (found,) = measure_squares(square, template)
    expected = [120, 120, np.sqrt(0.5), np.sqrt(0.5), np.log1p(240 / 15 / 2), 1, -1]
    assert found == pytest.approx(expected, abs=1e-6)
    (even,) = measure_squares(np.full((1, 16, 16), 9, np.uint8), template)
    assert even == pytest.approx([9, 0, 1, 0, 0, 0, 0], abs=1e-6)


def test_small_images_are_unlike_where_those_in_training_were_not() -> None:
    pixels, rows = phantom()[:240], np.arange(240)
    training, validation = rows[:120], rows[120:]
    for small_in_training, expected in ((1, True), (2, False)):
        small = np.isin(rows, [*rows[:small_in_training], 200, 201])
        measured = measure_appearance(pixels, small, training=training, validation=validation)
        assert measured is not None
        assert measured.small_is_unlike is expected
        found = measured.unlike(pixels[:2], np.array([True, False]))
        assert ["fewer pixels than the network sees" in each for each in found] == [expected, False]
        by_distance = measured.compare(pixels[validation])[0] > measured.limit
        expected_alarms = (by_distance | small[validation]).sum() if expected else by_distance.sum()
        assert measured.false_alarms == expected_alarms


def test_few_training_images_tell_no_share_of_one_in_a_hundred() -> None:
    pixels = np.zeros((120, 8, 8), np.uint8)
    rows, small = np.arange(120), np.zeros(120, bool)
    assert measure_appearance(pixels, small, training=rows[:99], validation=rows[99:]) is None
    same = measure_appearance(pixels, small, training=rows[:100], validation=rows[100:])
    assert same is not None  # images that are all the same divide nothing by zero
    assert same.compare(pixels[:1])[0].tolist() == [0.0]


@pytest.mark.slow
def test_figures_of_the_page_on_prediction() -> None:
    """Whole sets at 64 px, every other image for reference; other decoders may move one or two."""
    sets = [
        np.stack([resize(read_grayscale(path), 64) for path in sorted(shared(name).rglob(pattern))])
        for name, pattern in (("kermany", "*.jpeg"), ("nih-mini", "*.png"))
    ]
    for own, other, expected in (
        (sets[0], sets[1], (23, 2608, 2608, 189, 837)),
        (sets[1], sets[0], (10, 861, 473, 835, 14)),
    ):
        measured, held_out = halves(own)
        shown = (held_out, 255 - held_out, np.rot90(held_out, 1, (1, 2)), held_out[:, ::-1], other)
        found = [int((measured.compare(images)[0] > measured.limit).sum()) for images in shown]
        assert found == pytest.approx(expected, abs=3)
        assert measured.false_alarms == found[0]
