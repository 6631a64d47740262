"""Batches: which images, in which order, and how they reach the network."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.config import AugmentConfig
from bench.data.batches import (
    ImageSet,
    Normalisation,
    TrainingStream,
    augment,
    draw,
    measure_normalisation,
)
from bench.data.placement import place
from bench.randomness import generator


def image_set(count: int, *, side: int = 8, in_channels: int = 1) -> ImageSet:
    """Images whose every pixel is their own number, in a map with other images between them."""
    pixels = np.repeat(np.arange(2 * count, dtype=np.uint8), side * side)
    return ImageSet(
        pixels=place(pixels.reshape(2 * count, side, side), device=torch.device("cpu")),
        pixel_rows=np.arange(count, dtype=np.int64) * 2,
        targets=np.arange(count, dtype=np.int64) % 2,
        normalisation=Normalisation(mean=0.25, std=0.5),
        in_channels=in_channels,
    )


def stream(images: ImageSet, *, batch_size: int, seed: int = 0) -> TrainingStream:
    return TrainingStream(images, batch_size=batch_size, seed=seed, augment=AugmentConfig())


@given(count=st.integers(1, 50), batch_size=st.integers(2, 40), epochs=st.integers(1, 3))
def test_every_epoch_shows_every_image_once_and_no_batch_is_short(
    count: int, batch_size: int, epochs: int
) -> None:
    batches = stream(image_set(count), batch_size=batch_size)
    steps = -(-count * epochs // batch_size)
    places = [batches.places(step) for step in range(steps)]
    assert all(len(p) == batch_size for p in places)
    seen = np.concatenate(places)[: count * epochs].reshape(epochs, count)
    for epoch in seen:
        assert sorted(epoch) == list(range(count))


def test_a_step_does_not_depend_on_the_steps_before_it() -> None:
    images = image_set(37)
    straight = stream(images, batch_size=8)
    expected = [straight.places(step).tolist() for step in range(40)]
    for step in (39, 3, 20, 4, 0):
        assert stream(images, batch_size=8).places(step).tolist() == expected[step]
        assert straight.places(step).tolist() == expected[step]


def test_seeds_and_epochs_differ_in_their_order() -> None:
    images = image_set(40)
    first, second = stream(images, batch_size=40), stream(images, batch_size=40, seed=1)
    assert first.places(0).tolist() != second.places(0).tolist()
    assert first.places(0).tolist() != first.places(1).tolist()


def test_a_batch_holds_the_normalised_pixels_and_targets_of_its_places() -> None:
    batches = stream(image_set(10, in_channels=3), batch_size=4)
    x, targets = batches.batch(1)
    places = batches.places(1)
    assert x.shape == (4, 3, 8, 8)
    assert x.dtype == torch.float32
    expected = torch.tensor((2 * places / 255.0 - 0.25) / 0.5, dtype=torch.float32)
    torch.testing.assert_close(x[:, 1, 5, 2], expected)
    assert (x == x[:, :1, :1, :1]).all()
    assert targets.tolist() == (places % 2).tolist()


def test_in_order_gives_every_image_once() -> None:
    images = image_set(10)
    sizes, values = [], []
    for x, _ in images.in_order(4):
        sizes.append(len(x))
        values += ((x[:, 0, 0, 0] * 0.5 + 0.25) * 255 / 2).round().int().tolist()
    assert sizes == [4, 4, 2]
    assert values == list(range(10))


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


def changed_by(config: AugmentConfig, images: torch.Tensor) -> torch.Tensor:
    drawn = draw(config, count=len(images), side=images.shape[-1], random=generator(0, "augment"))
    return augment(images, config, torch.from_numpy(drawn))


def random_images(count: int, side: int = 16) -> torch.Tensor:
    random = np.random.default_rng(1)
    return torch.from_numpy(random.integers(1, 256, size=(count, 1, side, side), dtype=np.uint8))


def test_flip_mirrors_some_images_and_leaves_the_others() -> None:
    images = random_images(64)
    changed = changed_by(AugmentConfig(flip=True), images)
    mirrored = [torch.equal(c, i.flip(2).float()) for c, i in zip(changed, images, strict=True)]
    kept = [torch.equal(c, i.float()) for c, i in zip(changed, images, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_shift_moves_the_whole_image_by_at_most_its_share_and_fills_with_black() -> None:
    images = random_images(32)
    changed = changed_by(AugmentConfig(shift=0.25), images)
    offsets = set()
    for image, moved in zip(images[:, 0].float(), changed[:, 0], strict=True):
        padded = torch.nn.functional.pad(image, (4, 4, 4, 4))
        fits = [
            (dy, dx)
            for dy in range(-4, 5)
            for dx in range(-4, 5)
            if torch.equal(padded[4 + dy : 20 + dy, 4 + dx : 20 + dx], moved)
        ]
        assert len(fits) == 1
        offsets.add(fits[0])
    assert len(offsets) > 10


def test_contrast_keeps_the_mean_and_brightness_keeps_the_spread() -> None:
    images = random_images(16)
    x = images.float()
    contrast = changed_by(AugmentConfig(contrast=0.3), images)
    torch.testing.assert_close(contrast.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)))
    gains = contrast.std(dim=(1, 2, 3)) / x.std(dim=(1, 2, 3))
    assert ((gains > 0.7) & (gains < 1.3)).all()
    assert gains.std() > 0.05
    brightness = changed_by(AugmentConfig(brightness=0.1), images)
    change = (brightness - x).mean(dim=(1, 2, 3))
    assert (change.abs() <= 25.5).all()
    torch.testing.assert_close(brightness.std(dim=(1, 2, 3)), x.std(dim=(1, 2, 3)))


def test_augmentation_is_a_function_of_seed_and_step() -> None:
    config = AugmentConfig(flip=True, shift=0.2, contrast=0.2, brightness=0.1)
    images = image_set(20)
    make = lambda seed: TrainingStream(images, batch_size=8, seed=seed, augment=config)  # noqa: E731
    assert torch.equal(make(0).batch(5)[0], make(0).batch(5)[0])
    assert not torch.equal(make(0).batch(5)[0], make(1).batch(5)[0])
