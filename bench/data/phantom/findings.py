"""The appearance of each of the fourteen findings.

The appearances are ours: simplified after common textbook descriptions, for testing software.
They have no clinical meaning, and no radiologist has seen them.

A finding may reshape the chest before anything is painted (``RESHAPE``) and paint on it
(``PAINT``). Both are given the same ``severity`` from 0 (hardly visible) to 1 and generators in
the same state, so that they agree on the side.
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
    wide = 1.22 + 0.40 * severity
    tall = 1.05 + 0.22 * severity + rng.normal(0.0, 0.03)
    return replace(
        anatomy,
        heart=(anatomy.heart[0] + 0.05 * severity, anatomy.heart[1] - 0.02),
        heart_radii=(anatomy.heart_radii[0] * wide, anatomy.heart_radii[1] * tall),
    )


def _overinflated(anatomy: Anatomy, rng: np.random.Generator, severity: float) -> Anatomy:
    drop = 0.07 + 0.13 * severity + rng.normal(0.0, 0.01)
    narrow = 1.0 - 0.10 - 0.18 * severity
    return replace(
        anatomy,
        wall=anatomy.wall + 0.02 + 0.03 * severity,
        apex=anatomy.apex - 0.04 * severity,
        domes=(anatomy.domes[0] + drop, anatomy.domes[1] + drop),
        dome_depth=anatomy.dome_depth * (0.55 - 0.40 * severity),
        heart=(anatomy.heart[0] - 0.02, anatomy.heart[1] + 0.5 * drop),
        heart_radii=(anatomy.heart_radii[0] * narrow, anatomy.heart_radii[1] * 1.05),
        markings=anatomy.markings * (0.8 - 0.4 * severity),
        air_depth=anatomy.air_depth + 0.03 + 0.06 * severity,
    )


def _collapsed_base(anatomy: Anatomy, rng: np.random.Generator, severity: float) -> Anatomy:
    side = _side(rng)
    return anatomy.with_dome(side, anatomy.dome(side) - 0.04 - 0.14 * severity)


def _shrunken(anatomy: Anatomy, rng: np.random.Generator, severity: float) -> Anatomy:
    rise = (0.02 + 0.06 * severity) * rng.uniform(0.7, 1.3)
    return replace(anatomy, domes=(anatomy.domes[0] - rise, anatomy.domes[1] - rise))


# ---------------------------------------------------------------------- findings that are painted


def _atelectasis(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Plate-like bands above a raised diaphragm."""
    side = _side(rng)
    for _ in range(1 + int(rng.integers(1, 3))):
        u, v = _point(chest.anatomy, rng, side, low=0.60, high=0.98)
        slope = rng.normal(0.0, 0.30)
        half_length, half_width = rng.uniform(0.16, 0.30), 0.018 + 0.030 * severity
        along = chest.u - u
        off: Field = np.abs(chest.v - v - slope * along)
        band = chest.step(half_width - off, 0.02)
        band *= chest.step(half_length - np.abs(along), 0.10)
        chest.fill(band * (0.40 + 0.50 * severity))


def _effusion(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Fluid at the base, with a meniscus that rises along the chest wall."""
    both = rng.random() < 0.3
    first = _side(rng)
    sides: tuple[Side, ...] = (-1, 1) if both else (first,)
    for side in sides:
        depth = (0.02 + 0.50 * severity**1.5) * rng.uniform(0.8, 1.2)
        out = chest.outwards(side)
        slope = np.maximum(out - 0.25, 0.0)
        slope *= slope
        level = chest.anatomy.dome(side) + 0.06 - depth - slope * (0.7 + 0.3 * severity)
        chest.fill(chest.step(chest.v - level, 0.06) * chest.half(side))


def _patch(
    chest: Chest,
    rng: np.random.Generator,
    *,
    side: Side,
    heights: tuple[float, float],
    radius: float,
    density: float,
    softness: float,
    patchiness: float,
) -> None:
    """Air spaces filled in part of one lung, more or less sharply and evenly."""
    centre = _point(chest.anatomy, rng, side, low=heights[0], high=heights[1])
    radii = (radius * rng.uniform(0.8, 1.2), radius * rng.uniform(0.8, 1.3))
    weights = rng.normal(0.0, 0.35, len(chest.textures.clouds)).astype(np.float32)
    inside = 1.0 - chest.ring(centre, radii, slant=rng.normal(0.0, 0.25))
    inside += patchiness * chest.clouds(weights)
    chest.fill(chest.step(inside * (0.5 * radius), softness) * (density * chest.half(side)))


def _infiltration(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One to three ill-defined, patchy opacities."""
    side = _side(rng)
    for _ in range(1 + int(rng.integers(0, 3))):
        _patch(
            chest,
            rng,
            side=side,
            heights=(0.2, 0.95),
            radius=rng.uniform(0.18, 0.30),
            density=0.28 + 0.34 * severity,
            softness=0.16,
            patchiness=0.8,
        )
        side = _side(rng)


def _pneumonia(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A patchy opacity in one lower zone, with a fainter surround."""
    _patch(
        chest,
        rng,
        side=_side(rng),
        heights=(0.5, 0.95),
        radius=rng.uniform(0.22, 0.32),
        density=0.40 + 0.35 * severity,
        softness=0.10,
        patchiness=0.5,
    )


def _consolidation(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A dense, even opacity with a sharp border."""
    _patch(
        chest,
        rng,
        side=_side(rng),
        heights=(0.1, 0.95),
        radius=rng.uniform(0.18, 0.32),
        density=0.55 + 0.40 * severity,
        softness=0.04,
        patchiness=0.15,
    )


def _deposit(chest: Chest, shape: Field, density: float) -> None:
    """Solid tissue inside aerated lung; hardly visible where heart or fluid lie before it."""
    shape *= 0.25 + 0.75 * chest.air
    chest.tissue += density * shape


def _mass(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One large, lobed opacity."""
    centre = _point(chest.anatomy, rng, _side(rng), low=0.05, high=0.9)
    radius = rng.uniform(0.10, 0.14) + 0.06 * severity
    whole: Field = chest.disc(centre, (radius, radius), 0.03)
    for _ in range(2):
        lobe = (
            centre[0] + rng.normal(0.0, 0.5) * radius,
            centre[1] + rng.normal(0.0, 0.5) * radius,
        )
        whole = np.maximum(whole, chest.disc(lobe, (0.7 * radius, 0.7 * radius), 0.03))
    _deposit(chest, whole, 0.20 + 0.22 * severity)


def _nodule(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """One to three small round opacities."""
    for _ in range(1 + int(rng.integers(0, 3))):
        centre = _point(chest.anatomy, rng, _side(rng), low=0.05, high=0.95)
        radius = rng.uniform(0.035, 0.055) + 0.02 * severity
        _deposit(chest, chest.disc(centre, (radius, radius), 0.02), 0.16 + 0.26 * severity)


def _pneumothorax(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Air without markings beside the apex and the side, and the edge of the fallen lung."""
    side = _side(rng)
    gap = 0.05 + 0.24 * severity
    # The lung falls away from wall and apex; what is left of it ends `gap` further in.
    above = np.maximum(chest.v - (chest.anatomy.apex + 1.6 * gap), 0.0)
    edge = np.minimum(chest.wall - gap, 0.10 + 1.25 * np.sqrt(above))
    inside = chest.outwards(side) - edge
    outside = chest.step(inside, 0.02) * chest.lung(side)
    off: Field = np.abs(inside)
    line = chest.step(0.012 - off, 0.012) * chest.lung(side)
    chest.markings = chest.markings * (1.0 - outside)
    chest.tissue += line * 0.10
    chest.tissue -= outside * (0.10 + 0.10 * severity)
    # The fallen lung holds less air than before.
    chest.air *= 1.0 - (chest.lung(side) - outside) * (0.25 * severity)


def _edema(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """Haze around both hila, and thick vessels."""
    centre = (rng.uniform(0.26, 0.34), rng.uniform(-0.02, 0.14))
    haze = chest.glow(centre, (0.26 + 0.08 * severity, 0.36 + 0.10 * severity), paired=True)
    chest.fill(haze * (0.32 + 0.42 * severity))
    chest.markings = chest.markings * (1.4 + 0.6 * severity)


def _fibrosis(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A net of lines at both bases, denser towards the wall."""
    mesh = chest.textures.mesh[int(rng.integers(len(chest.textures.mesh)))]
    extent = rng.uniform(0.45, 0.60) + 0.25 * severity
    dome = 0.5 * sum(chest.anatomy.domes)
    low = chest.step(chest.v - (dome - extent), 0.35)
    outer = 0.45 + 0.55 * chest.step(chest.midline - 0.40, 0.30)
    net = mesh * (outer * low)
    net *= chest.air
    chest.tissue += net * (0.22 + 0.26 * severity)


def _pleural_thickening(chest: Chest, rng: np.random.Generator, severity: float) -> None:
    """A bright rim inside the chest wall, often thicker over the apex."""
    side = _side(rng)
    top = rng.uniform(-0.75, -0.20)
    bottom = top + rng.uniform(0.55, 1.0)
    width = 0.045 + 0.065 * severity
    rim = chest.step(chest.outwards(side) - (chest.wall - width), 0.03)
    rim *= chest.step(chest.v - top, 0.15) * chest.step(bottom - chest.v, 0.15)
    cap = chest.step(chest.anatomy.apex + (0.06 + 0.12 * severity) - chest.v, 0.04)
    region = np.maximum(rim, cap * float(rng.random() < 0.5)) * chest.half(side)
    chest.fill(region * (0.65 + 0.30 * severity))


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


RESHAPE: Mapping[str, Reshape] = {
    "Atelectasis": _collapsed_base,
    "Cardiomegaly": _large_heart,
    "Emphysema": _overinflated,
    "Fibrosis": _shrunken,
}

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
    "Fibrosis": _fibrosis,
    "Pleural_Thickening": _pleural_thickening,
    "Hernia": _hernia,
}
