"""The appearance of each of the fourteen findings.

The appearances are ours: simplified after common textbook descriptions, for testing software.
They have no clinical meaning, and no radiologist has seen them.

Most are small, sharp and anywhere in the lungs: a network has to find them, and what a linear
model of a thumbnail sees of them is little beside the differences of posture, air and shading.

A finding may reshape the chest before anything is painted (``RESHAPE``) and paint on it
(``PAINT``). Both are given the same ``severity`` from 0 (hardly visible) to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from bench.data.phantom.anatomy import Anatomy, Side
from bench.data.phantom.chest import Chest, Field

Reshape = Callable[[Anatomy, np.random.Generator, float], Anatomy]
Paint = Callable[[Chest, np.random.Generator, float], None]


def _side(rng: np.random.Generator) -> Side:
    return -1 if rng.random() < 0.5 else 1


def _point(
    anatomy: Anatomy, rng: np.random.Generator, side: Side, *, low: float, high: float
) -> tuple[float, float]:
    """A point in one lung; ``low`` and ``high`` are heights, 0 at the apex, 1 at the dome."""
    top = anatomy.apex + 0.15
    v = top + rng.uniform(low, high) * (anatomy.dome(side) - 0.05 - top)
    inner, outer = anatomy.medial + 0.10, anatomy.wall_at(v) - 0.10
    return side * rng.uniform(inner, max(inner, outer)), v


# ---------------------------------------------------------------- findings that change the shape


def _large_heart(anatomy: Anatomy, rng: np.random.Generator, severity: float) -> Anatomy:
    wide = 1.12 + 0.20 * severity
    tall = 1.02 + 0.14 * severity + rng.normal(0.0, 0.03)
    return replace(
        anatomy,
        heart=(anatomy.heart[0] + 0.04 * severity, anatomy.heart[1] - 0.02),
        heart_radii=(anatomy.heart_radii[0] * wide, anatomy.heart_radii[1] * tall),
    )


def _overinflated(anatomy: Anatomy, rng: np.random.Generator, severity: float) -> Anatomy:
    drop = 0.02 + 0.05 * severity + rng.normal(0.0, 0.02)
    return replace(
        anatomy,
        domes=(anatomy.domes[0] + drop, anatomy.domes[1] + drop),
        dome_depth=anatomy.dome_depth * (0.9 - 0.4 * severity),
        markings=anatomy.markings * (0.9 - 0.3 * severity),
    )


# ---------------------------------------------------------------------- findings that are painted


def _deposit(chest: Chest, shape: Field, density: float) -> None:
    """Solid tissue inside aerated lung; hardly visible where heart or fluid lie before it."""
    shape *= 0.25 + 0.75 * chest.air
    chest.tissue += density * shape


def _spots(
    chest: Chest,
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    *,
    density: float,
    number: int = 1,
    spread: float = 0.0,
) -> None:
    """Small round opacities about a point, each of its own size."""
    spots: Field = np.zeros_like(chest.tissue)
    for _ in range(number):
        at = (centre[0] + rng.normal(0.0, spread), centre[1] + rng.normal(0.0, spread))
        size = radius * rng.uniform(0.8, 1.25)
        spots = np.maximum(spots, chest.disc(at, (size, size), 0.02))
    _deposit(chest, spots, density)


def _atelectasis(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Plate-like bands in the lower half of one lung."""
    side = _side(rng)
    for _ in range(2 + int(rng.integers(0, 2))):
        u, v = _point(chest.anatomy, rng, side, low=0.40, high=0.98)
        slope = rng.normal(0.0, 0.35)
        half_length, half_width = rng.uniform(0.16, 0.28), 0.026 + 0.016 * severity
        along = chest.u - u
        off: Field = np.abs(chest.v - v - slope * along)
        band = chest.step(half_width - off, 0.02)
        band *= chest.step(half_length - np.abs(along), 0.06)
        _deposit(chest, band, 0.28 + 0.22 * severity)


def _effusion(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Fluid in the angle between diaphragm and chest wall, with a sharp level."""
    side = _side(rng)
    depth = (0.04 + 0.13 * severity) * rng.uniform(0.8, 1.2)
    out = chest.u * side  # from the midline
    slope = np.maximum(out - 0.35, 0.0)
    slope *= slope
    level = chest.anatomy.dome(side) + 0.08 - depth - slope * (0.8 + 0.6 * severity)
    chest.fill(chest.step(chest.v - level, 0.02) * chest.half(side))


def _infiltration(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One or two clusters of small, faint opacities."""
    for _ in range(1 + int(rng.integers(0, 2))):
        centre = _point(chest.anatomy, rng, _side(rng), low=0.15, high=0.90)
        density = 0.26 + 0.22 * severity
        _spots(chest, rng, centre, 0.055, density=density, number=5, spread=0.12)


def _pneumonia(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A small dense opacity with satellites."""
    centre = _point(chest.anatomy, rng, _side(rng), low=0.3, high=0.95)
    _spots(chest, rng, centre, 0.10, density=0.18 + 0.15 * severity)
    _spots(chest, rng, centre, 0.05, density=0.26 + 0.22 * severity, number=4, spread=0.14)


def _consolidation(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A dense, even opacity with a sharp, straight lower border."""
    centre = _point(chest.anatomy, rng, _side(rng), low=0.1, high=0.90)
    radius = rng.uniform(0.09, 0.14)
    region = chest.disc(centre, (radius, radius), 0.02, slant=rng.normal(0.0, 0.2))
    region *= chest.step(centre[1] + 0.2 * radius - chest.v, 0.02)
    _deposit(chest, region, 0.30 + 0.22 * severity)


def _mass(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One lobed opacity."""
    centre = _point(chest.anatomy, rng, _side(rng), low=0.05, high=0.9)
    radius = rng.uniform(0.07, 0.10) + 0.03 * severity
    density = 0.28 + 0.24 * severity
    _spots(chest, rng, centre, radius, density=density, number=3, spread=0.5 * radius)


def _nodule(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One to three small round opacities."""
    for _ in range(1 + int(rng.integers(0, 3))):
        centre = _point(chest.anatomy, rng, _side(rng), low=0.05, high=0.95)
        _spots(chest, rng, centre, 0.06, density=0.34 + 0.26 * severity)


def _pneumothorax(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Air without markings beside the apex and the side, and the edge of the fallen lung."""
    side = _side(rng)
    gap = 0.05 + 0.24 * severity
    # The lung falls away from wall and apex; what is left of it ends `gap` further in.
    above = np.maximum(chest.v - (chest.anatomy.apex + 1.6 * gap), 0.0)
    edge = np.minimum(chest.wall - gap, 0.10 + 1.25 * np.sqrt(above))
    inside = chest.u * side - edge
    outside = chest.step(inside, 0.02) * chest.lung(side)
    off: Field = np.abs(inside)
    line = chest.step(0.012 - off, 0.012) * chest.lung(side)
    chest.markings = chest.markings * (1.0 - outside)
    chest.tissue += line * 0.10
    chest.tissue -= outside * (0.10 + 0.10 * severity)
    # The fallen lung holds less air than before.
    chest.air *= 1.0 - (chest.lung(side) - outside) * (0.25 * severity)


def _lines(chest: Chest, rng: np.random.Generator, number: int, density: float) -> None:
    """Short level lines in the outer zones of both lungs."""
    for _ in range(number):
        u, v = _point(chest.anatomy, rng, _side(rng), low=0.3, high=0.95)
        off: Field = np.abs(chest.v - v)
        line = chest.step(rng.uniform(0.08, 0.13) - np.abs(chest.u - u), 0.03)
        line *= chest.step(0.026 - off, 0.015)
        _deposit(chest, line, density)


def _edema(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Thick vessels, and short lines in both lungs."""
    chest.markings = chest.markings * (1.3 + 0.4 * severity)
    _lines(chest, rng, 8, 0.22 + 0.20 * severity)


def _emphysema(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Thin-walled bubbles of air."""
    for _ in range(3):
        centre = _point(chest.anatomy, rng, _side(rng), low=0.0, high=0.8)
        radius = rng.uniform(0.09, 0.13)
        wall = chest.disc(centre, (radius, radius), 0.02)
        hollow = chest.disc(centre, (0.65 * radius, 0.65 * radius), 0.02)
        _deposit(chest, wall - hollow, 0.22 + 0.20 * severity)
        chest.tissue -= (0.08 + 0.08 * severity) * hollow * chest.air


def _fibrosis(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A net of lines in part of both lungs, as dark in its holes as it is bright on its lines."""
    mesh = chest.textures.mesh[int(rng.integers(len(chest.textures.mesh)))]
    centre = (rng.uniform(0.35, 0.60), rng.uniform(-0.20, 0.40))
    region = chest.disc(centre, (0.24, 0.28), 0.10, paired=True)
    region *= chest.air
    chest.tissue += (mesh - mesh.mean()) * region * (0.30 + 0.30 * severity)


def _pleural_thickening(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A knobbly bright rim inside part of the chest wall."""
    side = _side(rng)
    v = rng.uniform(-0.45, 0.25)
    for step in range(4):
        height = v + 0.09 * step
        centre = (side * (chest.anatomy.wall_at(height) - 0.03), height)
        _spots(chest, rng, centre, 0.055, density=0.28 + 0.24 * severity, spread=0.01)


def _hernia(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A round shadow behind the heart that holds gas over a fluid level."""
    radius = 0.12 + 0.08 * severity
    dome = 0.5 * sum(chest.anatomy.domes)
    centre = (rng.normal(0.06, 0.05), dome - 0.5 * radius + rng.normal(0.0, 0.03))
    sac = chest.disc(centre, (radius, radius), 0.02)
    hollow = chest.disc(centre, (0.8 * radius, 0.8 * radius), 0.03)
    gas = hollow * chest.step(centre[1] + 0.15 * radius - chest.v, 0.015)
    chest.tissue += sac * (0.10 + 0.08 * severity)
    chest.tissue -= gas * (0.26 + 0.16 * severity)


RESHAPE: Mapping[str, Reshape] = {"Cardiomegaly": _large_heart, "Emphysema": _overinflated}

PAINT: Mapping[str, Paint] = {
    "Atelectasis": _atelectasis,
    "Effusion": _effusion,
    "Infiltration": _infiltration,
    "Mass": _mass,
    "Nodule": _nodule,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
    "Consolidation": _consolidation,
    "Edema": _edema,
    "Emphysema": _emphysema,
    "Fibrosis": _fibrosis,
    "Pleural_Thickening": _pleural_thickening,
    "Hernia": _hernia,
}
