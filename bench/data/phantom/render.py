"""Rendering the image of a visit: the chest, its findings, and the exposure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.data.phantom.anatomy import patient_anatomy, posed
from bench.data.phantom.chest import Chest, Field
from bench.data.phantom.cohort import Visit
from bench.data.phantom.findings import PAINT, RESHAPE
from bench.data.phantom.seeding import Purpose, generator
from bench.data.study import NIH_FINDINGS, ImageError

# Enters every stamp; raise it whenever any pixel of any image changes.
GENERATOR_VERSION = 2


def render(visit: Visit, *, seed: int, size: int) -> NDArray[np.uint8]:
    """The image of one visit, uint8 (size, size); bright is dense, as radiographs are shown.

    The same scene at every size; only the pixel noise is drawn anew.
    """
    rng = generator(seed, Purpose.VISIT, visit.patient, visit.follow_up)
    chest = _painted(visit, rng, seed=seed, size=size)
    shadow = _attenuation(chest)
    # Slow shading in every image, so that a region's mean tells little of what is in it.
    shadow += chest.clouds(rng.normal(0.0, 0.03, len(chest.textures.clouds)).astype(np.float32))
    return _exposed(shadow, rng)


def attenuation(visit: Visit, *, seed: int, size: int) -> Field:
    """Attenuation (size, size) that an image shows, before its shading, exposure and noise."""
    rng = generator(seed, Purpose.VISIT, visit.patient, visit.follow_up)
    return _attenuation(_painted(visit, rng, seed=seed, size=size))


def _painted(visit: Visit, rng: np.random.Generator, *, seed: int, size: int) -> Chest:
    """The chest of a visit with all that it shows; the generator gives its pose."""
    anatomy = patient_anatomy(seed=seed, patient=visit.patient, sex=visit.sex, age=visit.age)
    anatomy = posed(anatomy, rng, visit.view)
    # A generator of its own for each, so that the same visit without a finding is the same chest.
    severities = {name: _severity(seed, visit, name) for name in visit.shown}
    for name in visit.shown:
        if name in RESHAPE:
            lesion = _lesion(seed, visit.patient, name)
            anatomy = RESHAPE[name](anatomy, lesion, severities[name])
    chest = Chest(anatomy, size)
    _paint_anatomy(chest)
    _paint_bones(chest)
    for name in visit.shown:
        if name in PAINT:
            PAINT[name](chest, _lesion(seed, visit.patient, name), severities[name])
    return chest


def _severity(seed: int, visit: Visit, finding: str) -> float:
    number = NIH_FINDINGS.index(finding)
    rng = generator(seed, Purpose.VISIT, visit.patient, visit.follow_up, number)
    return float(rng.beta(2.0, 1.2))


def _lesion(seed: int, patient: int, finding: str) -> np.random.Generator:
    """The generator of a finding, keyed by patient: a finding that persists keeps its place."""
    return generator(seed, Purpose.LESION, patient, NIH_FINDINGS.index(finding))


def _paint_anatomy(chest: Chest) -> None:
    """Soft tissue, spine, heart and great vessels; what they displace is taken from the air."""
    anatomy, v, midline = chest.anatomy, chest.v, chest.midline
    # Neck above, shoulders wider than the image, then the sides of the trunk.
    shoulders = 0.26 + 2.6 * np.maximum(v + 0.97, 0.0) ** 0.9
    trunk = 0.90 + anatomy.fat + 0.6 * np.maximum(-0.25 - v, 0.0)
    body = chest.step(np.minimum(shoulders, trunk) - midline, 0.06)
    depth = midline * midline
    depth *= -0.25
    depth += (0.66 + anatomy.fat) + 0.06 * v
    body *= depth
    chest.tissue = body

    heart = chest.disc(anatomy.heart, anatomy.heart_radii, 0.03, slant=0.35)
    chest.fill(heart)
    heart *= 0.05
    chest.tissue += heart
    chest.fill(chest.disc((0.085 + anatomy.turn, -0.26), (anatomy.knob, 1.1 * anatomy.knob), 0.03))
    hila: Field = np.exp(-chest.ring((anatomy.medial + 0.06, 0.01), (0.065, 0.12), paired=True))
    hila *= 0.45
    chest.fill(hila)

    spine = chest.step(0.085 - midline, 0.06)
    spine *= 0.09 + 0.015 * np.cos(v * (2.0 * np.pi / 0.13))
    chest.tissue += spine
    windpipe = chest.step(0.045 - midline, 0.03)
    windpipe *= -0.12 * chest.step(-0.22 - v, 0.10)
    chest.tissue += windpipe
    if anatomy.breast:
        chest.tissue += anatomy.breast * chest.disc((0.45, 0.30), (0.34, 0.32), 0.10, paired=True)
    middle = anatomy.domes[1] + 0.16
    chest.tissue += anatomy.bubble * chest.disc((0.36, middle), (0.16, 0.09), 0.06)


def _paint_bones(chest: Chest) -> None:
    """Ribs, collar bones and shoulder blades."""
    anatomy, v, midline = chest.anatomy, chest.v, chest.midline
    # Ribs closer than two pixels would alias, so they fade as area averaging would make them.
    strength = 0.5 * anatomy.rib_strength * _sinc(chest.pixel / anatomy.rib_spacing)
    turns = 2.0 * math.pi / anatomy.rib_spacing
    phase = midline - 0.22
    phase *= phase
    phase *= -anatomy.rib_bow * turns
    phase += v * turns + 2.0 * math.pi * anatomy.rib_phase
    ribs = np.cos(phase, out=phase)
    ribs *= 1.6
    np.clip(ribs, -1.0, 1.0, out=ribs)
    # The front ends run downwards to the middle and are fainter.
    phase = midline * (0.60 * turns)
    phase += v * turns
    front = np.cos(phase, out=phase)
    front *= 0.45 * chest.step(midline - 0.30, 0.15)
    ribs += front
    ribs *= chest.step(chest.wall + 0.04 - midline, 0.03)
    ribs *= chest.step(v + 0.86, 0.10) * chest.step(0.85 - v, 0.30) * strength
    chest.tissue += ribs

    collar = midline * (-0.16 / 0.70)
    collar += (anatomy.clavicle + 0.02) - v
    np.abs(collar, out=collar)
    clavicles = chest.step(0.030 - collar, 0.02)
    clavicles *= chest.step(midline - 0.10, 0.06)
    clavicles *= 1.1 * anatomy.rib_strength
    chest.tissue += clavicles
    blades = chest.disc((0.80, -0.38), (0.24, 0.34), 0.06, slant=-0.25, paired=True)
    blades *= 0.03 + 0.07 * anatomy.scapula
    chest.tissue += blades


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x < 1.0 else 0.0


def _attenuation(chest: Chest) -> Field:
    """Attenuation of the beam: by tissue, less where there is air, more at vessels."""
    shadow = chest.air * -chest.anatomy.air_depth
    shadow += chest.tissue
    vessels = chest.textures.vessels[chest.anatomy.tree] * chest.air
    vessels *= chest.markings * chest.anatomy.markings
    shadow += vessels
    return shadow


def _exposed(shadow: Field, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gray values as a viewer's automatic window would give them, with the detector's noise.

    Mean and spread of the gray values are drawn anew for each image, whatever it shows, as
    exposure and windowing vary in practice: brightness must tell nothing about findings.
    """
    size = len(shadow)
    mean, spread = rng.normal(128.0, 16.0), rng.normal(56.0, 8.0)
    curve = rng.uniform(-0.3, 0.3)
    noise = rng.uniform(4.0, 16.0) * min(1.0, size / 256)
    # A film's curve: shadows lie between 0 and about 1, where this rises steadily.
    gray = 1.0 - shadow
    gray *= curve * shadow
    gray += shadow
    centre = float(gray.mean())
    gray -= centre
    gray *= spread / max(float(np.square(gray).mean()) ** 0.5, 1e-3)
    gray += mean + 0.5
    # The last draw, since how many numbers it takes depends on the size.
    gray += rng.standard_normal(shadow.shape, dtype=np.float32) * noise
    return np.clip(gray, 0.0, 255.0, out=gray).astype(np.uint8)


class PhantomReader:
    """Renders images by id; keeps none, and may be called from several threads."""

    def __init__(self, visits: Sequence[Visit], *, seed: int, size: int) -> None:
        self._visits = {visit.image: visit for visit in visits}
        self._seed = seed
        self._size = size

    def read(self, image: str) -> NDArray[np.uint8]:
        """The image's pixels, grayscale uint8, (size, size).

        Raises:
            ImageError: the cohort has no such image.
        """
        visit = self._visits.get(image)
        if visit is None:
            raise ImageError("missing", f"the phantom cohort has no image {image!r}")
        return render(visit, seed=self._seed, size=self._size)

    def stamp(self, image: str) -> str:  # noqa: ARG002 - one stamp holds for all images
        """Version of the generator, seed and size: pixels change only with one of them."""
        return f"phantom {GENERATOR_VERSION} seed {self._seed} size {self._size}"
