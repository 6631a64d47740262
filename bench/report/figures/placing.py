"""Labels of points that lie close together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.report.figures.style import INK, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

# From a point to the middle of its label, in 1/72 inch: the nearest first.
_NEAREST = 8.0
_TURN = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False) + np.pi / 6.0
_OFFSETS: Floats = np.concatenate(
    [
        radius * np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
        for radius in (_NEAREST, 12.0, 17.0, 23.0, 30.0)
    ]
)
# What a point covers.
_POINT = (6.0, 6.0)


def label_points(axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write short labels beside points so that they cover neither points nor each other.

    The nearest free place is taken; where none is free, the one with the least overlap. A label
    that is not next to its point has a line to it. The axes must have their final limits and
    size.

    Args:
        axes: where the points are.
        points: in data coordinates.
        labels: a few letters each.
    """
    from matplotlib.collections import LineCollection

    scale = axes.figure.dpi / 72.0
    places: Floats = axes.transData.transform(np.array(points, np.float64)) / scale
    low, high = np.array(axes.bbox.extents).reshape(2, 2) / scale
    middles = places
    sizes: Floats = np.tile(_POINT, (len(places), 1))
    lines = []
    for place, point, label in zip(places, points, labels, strict=True):
        size = np.array([0.62 * SMALL * len(label) + 1.0, SMALL + 1.0])
        tried = place + _OFFSETS
        outside = ((tried < low) | (tried > high)).any(axis=1)
        best = int(np.argmin(_overlaps(tried, size, middles, sizes) + 1e6 * outside))
        middles, sizes = np.vstack([middles, tried[best]]), np.vstack([sizes, size])
        dx, dy = _OFFSETS[best].tolist()
        axes.annotate(
            label, point, xytext=(dx, dy), textcoords="offset points", ha="center", va="center",
            fontsize=SMALL, color=INK, zorder=5, annotation_clip=False,
        )  # fmt: skip
        if np.hypot(dx, dy) > _NEAREST + 1.0:
            # To where the label begins.
            ends = np.array([place, place + 0.65 * _OFFSETS[best]]) * scale
            lines.append(axes.transData.inverted().transform(ends))
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.5, zorder=4), autolim=False)


def _overlaps(tried: Floats, size: Floats, middles: Floats, sizes: Floats) -> Floats:
    """Area that a box shares with others, wherever it is tried.

    Args:
        tried: middles of the box, (places, 2).
        size: its width and height.
        middles, sizes: of the others, (boxes, 2).
    """
    shared = (sizes + size) / 2.0 - np.abs(tried[:, None, :] - middles)
    return np.asarray(np.maximum(shared, 0.0).prod(axis=2).sum(axis=1))
