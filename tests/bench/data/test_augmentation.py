"""Random changes of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.config import AugmentConfig
from bench.data.augmentation import augment, draw
from bench.randomness import generator


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


def test_a_crop_is_a_window_of_the_image_enlarged() -> None:
    ramp = torch.arange(64).repeat(64, 1).to(torch.uint8)
    changed = changed_by(AugmentConfig(crop=0.5), ramp.repeat(64, 1, 1, 1))[:, 0]
    # Along the ramp a window of the share w has slope w; across it nothing changes.
    slopes = (changed[:, 32, 48] - changed[:, 32, 16]) / 32
    assert ((slopes > 0.499) & (slopes < 1.001)).all()
    assert slopes.std() > 0.1
    torch.testing.assert_close(changed[:, 5], changed[:, 40])
    # The window lies in the image: its ends are values of the ramp, and differ between images.
    starts, ends = changed[:, 32, 1], changed[:, 32, -2]
    assert (starts > 0).all()
    assert (ends < 63.01).all()
    assert starts.std() > 3


def test_scale_keeps_the_centre_and_goes_both_ways() -> None:
    side, centre = 64, 31.5
    column = torch.arange(side).to(torch.uint8)
    images = column.repeat(128, 1, side, 1)
    changed = changed_by(AugmentConfig(scale=0.25), images)
    slopes = (changed[:, 0, 32, 40] - changed[:, 0, 32, 24]) / 16
    assert slopes.min() == pytest.approx(1 / 1.25, abs=0.03)
    assert slopes.max() == pytest.approx(1.25, abs=0.03)
    middle = changed[:, 0, 32, 31:33].mean(dim=1)
    torch.testing.assert_close(middle, torch.full((128,), centre))


def test_rotation_turns_about_the_centre_by_at_most_its_degrees() -> None:
    y, x = torch.meshgrid(torch.arange(65) - 32, torch.arange(65) - 32, indexing="ij")
    disc = ((x - 20) ** 2 + y**2 < 25).to(torch.uint8) * 255
    changed = changed_by(AugmentConfig(rotate=30), disc.repeat(128, 1, 1, 1))[:, 0]
    mass = changed.sum(dim=(1, 2))
    across = (changed * x).sum(dim=(1, 2)) / mass
    down = (changed * y).sum(dim=(1, 2)) / mass
    torch.testing.assert_close(across.hypot(down), torch.full((128,), 20.0), atol=0.1, rtol=0)
    degrees = torch.rad2deg(torch.atan2(down, across))
    assert degrees.abs().max() < 30.5
    assert degrees.min() < -20
    assert degrees.max() > 20


def test_new_changes_leave_the_draws_of_the_others() -> None:
    older, both = (
        draw(config, count=8, side=32, random=generator(0, "augment"))
        for config in (
            AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1),
            AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1, rotate=5, crop=0.1),
        )
    )
    np.testing.assert_array_equal(older[:5], both[:5])
    np.testing.assert_array_equal(older[5:], np.repeat([[1], [0], [0], [0], [1], [0]], 8, axis=1))
