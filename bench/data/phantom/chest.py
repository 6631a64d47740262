"""One chest on a grid of pixels: the regions of its parts, and the tissue painted so far.

Edges are ramps at least one pixel wide, placed by continuous coordinates, so that a small
image looks like a large one averaged over area.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.data.phantom.anatomy import Anatomy, Side, lung_half_width
from bench.data.phantom.textures import textures

Field = NDArray[np.float32]  # (size, size), or (size, 1) and (1, size) to be broadcast


class Chest:
    """The canvas on which anatomy and findings are painted.

    Attributes:
        anatomy: the chest's numbers.
        u, v: coordinates of the pixels' centres, (size, size) and (size, 1).
        midline: distance from the midline, |u|, (size, size).
        pixel: side of a pixel in those coordinates.
        wall: half width of the lungs, (size, 1).
        diaphragm: v of the diaphragm in each pixel's column, (size, size): on each side a dome
            that falls to both edges.
        tissue: attenuation of everything that is not air, (size, size).
        air: how much of a pixel's depth is aerated lung, 0 to 1, (size, size).
        markings: how visible vessels are; a number or (size, size).
    """

    def __init__(self, anatomy: Anatomy, size: int) -> None:
        x, y = _axes(size)
        self.anatomy = anatomy
        self.v: Field = (y - anatomy.shift[1]) * (1.0 / anatomy.zoom)
        across = 1.0 / (anatomy.zoom * anatomy.width)
        self.u: Field = (x - anatomy.shift[0]) * across - (anatomy.tilt * across) * y
        self.pixel = 2.0 / size * across
        self.textures = textures(size)
        self.wall: Field = np.asarray(lung_half_width(anatomy, self.v))
        self.tissue: Field = np.zeros((size, size), dtype=np.float32)
        self.markings: Field | float = 1.0
        self.midline: Field = np.abs(self.u)
        # Apices lie more to the side than the lungs' inner border does lower down.
        inner = anatomy.medial + 0.9 * np.maximum(-0.45 - self.v, 0.0) ** 2
        self._is_left: Field = (self.u > 0.0).astype(np.float32)
        self.diaphragm = self._diaphragm()
        self._lungs = self.step(self.midline - inner, 0.03)
        self._lungs *= self.step(self.wall - self.midline, 0.04)
        self._lungs *= self.step(self.diaphragm - self.v, 0.03)
        self.air: Field = self._lungs.copy()

    def _diaphragm(self) -> Field:
        bow = self.midline - 0.40
        bow *= 1.0 / 0.30
        bow *= bow
        bow *= self.anatomy.dome_depth
        right, left = self.anatomy.domes
        bow += right
        bow += (left - right) * self._is_left
        return bow

    def lung(self, side: Side) -> Field:
        """One side's lung as it would be without heart and findings, 0 to 1."""
        return self._lungs * self.half(side)

    def half(self, side: Side) -> Field:
        """1 on one side of the midline, 0 on the other."""
        return self._is_left if side > 0 else 1.0 - self._is_left

    def step(self, distance: Field, softness: float = 0.0) -> Field:
        """0 to 1 where a signed distance crosses 0, over ``softness`` or a pixel."""
        ramp = distance * (1.0 / max(softness, self.pixel))
        ramp += 0.5
        return np.clip(ramp, 0.0, 1.0, out=ramp)

    def ring(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        *,
        slant: float = 0.0,
        paired: bool = False,
    ) -> Field:
        """Squared distance from a centre in units of the radii: 1 on the ellipse.

        Args:
            centre: (u, v); where ``paired``, (distance from the midline, v) on both sides.
            radii: half axes along u and v before slanting.
            slant: how much u moves per v.
            paired: draw a pair, mirrored at the midline.
        """
        down = self.v - centre[1]
        across = self.midline if paired else self.u
        square = across - (slant * down + centre[0]) if slant else across - centre[0]
        square *= 1.0 / radii[0]
        square *= square
        square += (down * (1.0 / radii[1])) ** 2
        return square

    def disc(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        softness: float = 0.0,
        *,
        slant: float = 0.0,
        paired: bool = False,
    ) -> Field:
        """An ellipse, 1 inside and 0 outside; ``softness`` is the width of its edge.

        The other arguments are those of :meth:`ring`.
        """
        # (1 - q) / 2 is the distance from the edge in radii, to first order; the factor is
        # folded into the ramp's slope.
        ramp = self.ring(centre, radii, slant=slant, paired=paired)
        slope = 0.25 * (radii[0] + radii[1]) / max(softness, self.pixel)
        ramp *= -slope
        ramp += slope + 0.5
        return np.clip(ramp, 0.0, 1.0, out=ramp)

    def clouds(self, weights: Field) -> Field:
        """A mixture of the shared slow textures; about standard deviation |weights|."""
        # Not `@`: a threaded BLAS may add in another order and so change a pixel.
        mixed: Field = np.einsum("k,kij->ij", weights, self.textures.clouds)
        return mixed

    def fill(self, region: Field) -> None:
        """Replace air by water where ``region`` (0 to 1) says so; it may reach beyond the lungs.

        A region should end sharply at no lung border: two soft edges leave a rim of air.
        """
        self.air -= self.air * region


@lru_cache(maxsize=8)
def _axes(size: int) -> tuple[Field, Field]:
    """Pixel centres from -1 to 1 as a row (1, size) and a column (size, 1)."""
    centres = ((np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
    centres.setflags(write=False)
    return centres[None, :], centres[:, None]
