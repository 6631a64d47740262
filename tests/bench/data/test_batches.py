"""Batches: which images, in which order, and how they reach the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.config import AugmentConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.data.normalisation import Normalisation
from bench.data.placement import place_pixels


def image_set(count: int, *, side: int = 8, in_channels: int = 1) -> ImageSet:
    """Images whose every pixel is their own number, in a map with other images between them."""
    pixels = np.repeat(np.arange(2 * count, dtype=np.uint8), side * side)
    return ImageSet(
        placement=place_pixels(pixels.reshape(2 * count, side, side), device=torch.device("cpu")),
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
    positions = [batches.positions(step) for step in range(steps)]
    assert all(len(p) == batch_size for p in positions)
    seen = np.concatenate(positions)[: count * epochs].reshape(epochs, count)
    for epoch in seen:
        assert sorted(epoch) == list(range(count))


def test_a_step_does_not_depend_on_the_steps_before_it() -> None:
    images = image_set(37)
    straight = stream(images, batch_size=8)
    expected = [straight.positions(step).tolist() for step in range(40)]
    for step in (39, 3, 20, 4, 0):
        assert stream(images, batch_size=8).positions(step).tolist() == expected[step]
        assert straight.positions(step).tolist() == expected[step]


def test_seeds_and_epochs_differ_in_their_order() -> None:
    images = image_set(40)
    first, second = stream(images, batch_size=40), stream(images, batch_size=40, seed=1)
    assert first.positions(0).tolist() != second.positions(0).tolist()
    assert first.positions(0).tolist() != first.positions(1).tolist()


def test_a_batch_holds_the_normalised_pixels_and_targets_of_its_positions() -> None:
    batches = stream(image_set(10, in_channels=3), batch_size=4)
    batch = batches.batch(1)
    x, targets = batches.to_input(batch), batch.targets
    positions = batches.positions(1)
    assert x.shape == (4, 3, 8, 8)
    assert x.dtype == torch.float32
    expected = torch.tensor((2 * positions / 255.0 - 0.25) / 0.5, dtype=torch.float32)
    torch.testing.assert_close(x[:, 1, 5, 2], expected)
    assert (x == x[:, :1, :1, :1]).all()
    assert targets.tolist() == (positions % 2).tolist()


def test_in_order_gives_every_image_once() -> None:
    images = image_set(10)
    sizes, values = [], []
    for x in images.in_order(4):
        sizes.append(len(x))
        values += ((x[:, 0, 0, 0] * 0.5 + 0.25) * 255 / 2).round().int().tolist()
    assert sizes == [4, 4, 2]
    assert values == list(range(10))


def test_augmentation_is_a_function_of_seed_and_step() -> None:
    config = AugmentConfig(flip=True, shift=0.2, contrast=0.2, brightness=0.1)
    images = image_set(20)

    def augmented(seed: int) -> torch.Tensor:
        batches = TrainingStream(images, batch_size=8, seed=seed, augment=config)
        return batches.to_input(batches.batch(5))

    assert torch.equal(augmented(0), augmented(0))
    assert not torch.equal(augmented(0), augmented(1))


def test_images_that_are_floats_already_stay_as_they_are() -> None:
    images = torch.full((2, 1, 8, 8), 51.0)
    x = image_set(2).to_input(images)
    assert x.unique().item() == pytest.approx((51 / 255 - 0.25) / 0.5)
    assert (images == 51.0).all()
