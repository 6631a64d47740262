"""Random changes of images."""

from __future__ import annotations

import numpy as np
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
