"""Simple statistics of gray squares, and whether an image is unlike those of the training part.

Seven statistics of the decoded square go into one Mahalanobis distance from the training images.
An image is unlike them beyond the distance that a stated share of the training images exceeds,
each of them left out when its own distance is measured. The choice of the statistics is ours: they
find files that are no radiographs, and radiographs that are inverted, black or noisy; turned ones
not always. They say nothing about disease, and a subtle shift passes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.config.frozen import Frozen

Floats = NDArray[np.float64]

STATISTICS = (
    "mean gray",
    "contrast",
    "share of black",
    "share of white",
    "roughness",
    "likeness to the mean training image",
    "left-right symmetry",
)
SHARE = 0.01
"""Share of the training images that may be called unlike themselves."""
FEWEST = round(1 / SHARE)
"""Training images without which no such share can be told."""
MOST = 4000  # images of a part that are measured: evenly spaced ones, since more say no more
GRID = 8  # cells a side of the mean training image
BLACK, WHITE = 16, 240  # gray values below and from which a pixel counts as such
AT_ONCE = 2**20  # pixels


class Appearance(Frozen):
    """Distribution of the statistics over the training images, and when an image is unlike them."""

    training_images: int  # how many were measured
    # Mean gray values of the training images in 8 x 8 cells, row by row.
    mean_image: tuple[float, ...]
    mean: tuple[float, ...]  # of each of :data:`STATISTICS` (shares as their square roots)
    precision: tuple[tuple[float, ...], ...]  # inverse of their covariance
    limit: float  # squared distance beyond which an image is unlike
    # Whether an image with fewer pixels along a side than the square is unlike, because at most
    # :data:`SHARE` of the training images are.
    small_is_unlike: bool
    share: float  # of the training images beyond the limit, at most
    # Images of the validation part that were measured; none of them is part of the distribution.
    validation_images: int
    false_alarms: int  # how many of these are called unlike

    def compare(self, squares: NDArray[np.uint8]) -> tuple[Floats, list[str]]:
        """Squared distances of images, uint8 (n, side, side), from the training images.

        With them comes the statistic by which each is farthest off.
        """
        template = np.array(self.mean_image).reshape(GRID, GRID)
        off = measure_squares(squares, template) - np.array(self.mean)
        precision = np.array(self.precision)
        # In units of what is left of a statistic's spread once the others are known.
        scaled = np.abs(off @ precision) / np.sqrt(np.diag(precision))
        return _squared(off, precision), [STATISTICS[n] for n in scaled.argmax(axis=1)]

    def unlike(self, squares: NDArray[np.uint8], small: NDArray[np.bool_]) -> list[list[str]]:
        """In what each image, uint8 (n, side, side), is unlike the training images.

        ``small``, (n,), are those with fewer pixels along a side than the square.
        """
        distances, farthest = self.compare(squares)
        few = ["fewer pixels than the network sees"] if self.small_is_unlike else []
        return [
            few * bool(is_small) + [name] * bool(distance > self.limit)
            for is_small, distance, name in zip(small, distances, farthest, strict=True)
        ]


def measure_appearance(
    pixels: NDArray[np.uint8],
    small: NDArray[np.bool_],
    *,
    training: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> Appearance | None:
    """Distribution of the statistics over the training rows, and its false alarms.

    Of all images, uint8 (images, side, side), ``small`` (images,) are those with fewer pixels along
    a side than the square. None with fewer than :data:`FEWEST` training images.
    """
    if len(training) < FEWEST:
        return None
    training, validation = _some(training), _some(validation)
    cells = np.concatenate([_cells(pixels[rows]) for rows in _blocks(pixels, training)])
    template = cells.mean(axis=0).round(2)
    values = np.concatenate(
        [measure_squares(pixels[rows], template) for rows in _blocks(pixels, training)]
    )
    mean = values.mean(axis=0)
    covariance = np.cov(values, rowvar=False)
    # A statistic that never varies in training would divide by zero.
    covariance[np.diag_indices_from(covariance)] += 1e-6 + 1e-6 * np.diag(covariance)
    precision = np.linalg.inv(covariance).astype(np.float64)
    left_out = _left_out(_squared(values - mean, precision), len(values))
    fitted = Appearance(
        training_images=len(training),
        mean_image=tuple(template.ravel().tolist()),
        mean=tuple(mean.tolist()),
        precision=tuple(map(tuple, precision.tolist())),
        limit=float(np.sort(left_out)[-1 - int(SHARE * len(left_out))]),
        small_is_unlike=bool(small[training].mean() <= SHARE),
        share=SHARE,
        validation_images=len(validation),
        false_alarms=0,
    )
    alarms = sum(
        any(reasons)
        for rows in _blocks(pixels, validation)
        for reasons in fitted.unlike(pixels[rows], small[rows])
    )
    return fitted.model_copy(update={"false_alarms": alarms})


def measure_squares(squares: NDArray[np.uint8], template: Floats) -> Floats:
    """The statistics of gray squares, uint8 (n, side, side): float64 (n, statistics).

    The template has the mean gray values of the training images, (GRID, GRID).
    """
    cells = _cells(squares)
    gray = squares.astype(np.float32)
    across, down = np.abs(np.diff(gray, axis=2)), np.abs(np.diff(gray, axis=1))
    axes = (1, 2)
    return np.stack(
        [
            gray.mean(axes),
            gray.std(axes),
            # Roots and a logarithm, since most images have little of each and a few have much.
            np.sqrt((squares < BLACK).mean(axes)),
            np.sqrt((squares >= WHITE).mean(axes)),
            np.log1p((across.mean(axes) + down.mean(axes)) / 2),
            _correlation(cells, np.broadcast_to(template, cells.shape)),
            _correlation(cells, cells[:, :, ::-1]),
        ],
        axis=1,
    ).astype(np.float64)


def _blocks(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rows, so many at a time as are read at once."""
    size = max(1, AT_ONCE // pixels.shape[1] ** 2)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _some(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """All rows, or so many of them, evenly spaced."""
    if len(rows) <= MOST:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST).round().astype(np.int64)]


def _cells(squares: NDArray[np.uint8]) -> Floats:
    """Mean gray values in cells, (n, GRID, GRID); a smaller square has some cells twice."""
    side = squares.shape[1]
    edges = np.linspace(0, side, GRID + 1).astype(np.int64)
    # Sums in whole numbers: the same whatever the order.
    sums = np.add.reduceat(squares, edges[:-1], axis=1, dtype=np.int64)
    sums = np.add.reduceat(sums, edges[:-1], axis=2)
    widths = np.maximum(np.diff(edges), 1)
    means: Floats = sums / (widths[:, None] * widths)
    return means


def _correlation(first: Floats, second: Floats) -> Floats:
    """Correlation of pairs of grids, (n,); 0 where one of them is even."""
    a, b = (grid - grid.mean(axis=(1, 2), keepdims=True) for grid in (first, second))
    product = (a * b).sum(axis=(1, 2))
    norm = np.sqrt((a * a).sum(axis=(1, 2)) * (b * b).sum(axis=(1, 2)))
    correlation: Floats = np.divide(product, norm, out=np.zeros_like(norm), where=norm > 1e-9)
    return correlation


def _squared(off: Floats, precision: Floats) -> Floats:
    squared: Floats = np.einsum("ij,jk,ik->i", off, precision, off)
    return squared


def _left_out(squared: Floats, n: int) -> Floats:
    """Squared distances of training images, each from the distribution of the others.

    Closed form of the leave-one-out Mahalanobis distance (Sherman-Morrison).
    """
    return ((n - 2) * n**2 / (n - 1) ** 3) * squared / (1 - n * squared / (n - 1) ** 2)
