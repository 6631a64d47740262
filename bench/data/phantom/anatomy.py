"""The numbers that describe one synthetic chest; no pixels here.

Coordinates: ``u`` runs from the patient's right (-1, left in the image) to the left (+1), ``v``
from top (-1) to bottom (+1); the spine is u = 0. Side -1 is the patient's right.
All sizes are ours, chosen by eye; they are not anatomical measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from bench.data.phantom.seeding import Purpose, generator
from bench.data.phantom.textures import VESSEL_TREES

Side = Literal[-1, 1]


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """One chest as it lies in one image."""

    zoom: float  # magnification of the whole chest
    width: float  # width of the chest over its height
    shift: tuple[float, float]  # position of its middle, (u, v)
    tilt: float  # how much u moves per v (a slight rotation in the image's plane)
    turn: float  # rotation about the long axis; moves the heart sideways
    wall: float  # half width of the lungs at their widest
    apex: float  # v of the top of the lungs
    medial: float  # u of the lungs' inner border
    domes: tuple[float, float]  # v of the top of the right and of the left diaphragm
    dome_depth: float  # how far the diaphragm falls towards its edges
    heart: tuple[float, float]  # centre (u, v) of the heart
    heart_radii: tuple[float, float]  # its half axes (u, v)
    knob: float  # radius of the aortic knob
    rib_spacing: float  # v from rib to rib
    rib_phase: float  # position of the first rib, in rib spacings
    rib_bow: float  # how far ribs fall towards the side
    rib_strength: float  # brightness of the ribs
    clavicle: float  # v of the inner ends of the clavicles
    fat: float  # thickness of the soft tissue of the chest wall
    breast: float  # brightness of breast shadows; 0 for none
    air_depth: float  # how much darker air is than tissue
    markings: float  # brightness of vessels
    tree: int  # number of the vessel texture
    scapula: float  # how far the shoulder blades overlie the lungs (AP), 0 to 1
    bubble: float  # brightness of the gas in the stomach (negative: darker than tissue)

    def dome(self, side: Side) -> float:
        """v of the top of one side's diaphragm."""
        return self.domes[0 if side < 0 else 1]

    def wall_at(self, v: float) -> float:
        """Half width of the lungs at one height."""
        return float(lung_half_width(self, np.float32(v)))


def lung_half_width(anatomy: Anatomy, v: np.ndarray | np.float32) -> np.ndarray | np.float32:
    """Half width of the lungs at heights ``v`` (any shape): an arch above, straight below."""
    middle = 0.45
    above = np.minimum((v - middle) / (anatomy.apex - middle), 1.0)
    return anatomy.wall * np.maximum(1.0 - np.maximum(above, 0.0) ** 2.3, 0.0) ** 0.5


@lru_cache(maxsize=256)  # a patient's images are mostly read one after another
def patient_anatomy(*, seed: int, patient: int, sex: str, age: int) -> Anatomy:
    """The chest that all images of a patient share."""
    rng = generator(seed, Purpose.BUILD, patient)
    dome = rng.normal(0.52, 0.05)
    heart = rng.normal(0.30, 0.025)
    female = sex == "F"
    return Anatomy(
        zoom=rng.normal(1.0, 0.03),
        width=rng.normal(0.97 if female else 1.0, 0.05),
        shift=(0.0, 0.0),
        tilt=rng.normal(0.0, 0.015),
        turn=0.0,
        wall=rng.normal(0.78, 0.025),
        apex=rng.normal(-0.80, 0.03),
        medial=rng.normal(0.105, 0.012),
        domes=(dome, dome + rng.normal(0.05, 0.02)),
        dome_depth=rng.normal(0.13, 0.025),
        heart=(rng.normal(0.11, 0.025), dome - rng.normal(0.20, 0.03)),
        heart_radii=(heart + 0.0004 * (age - 45), heart * rng.normal(1.0, 0.08)),
        knob=rng.normal(0.085 + 0.0004 * (age - 45), 0.012),
        rib_spacing=rng.normal(0.165, 0.012),
        rib_phase=rng.random(),
        rib_bow=rng.normal(0.62, 0.10),
        rib_strength=rng.uniform(0.05, 0.10),
        clavicle=rng.normal(-0.60, 0.03),
        fat=abs(rng.normal(0.0, 0.05)),
        breast=max(0.0, rng.normal(0.09, 0.04)) if female and age > 14 else 0.0,
        air_depth=rng.uniform(0.46, 0.54),
        markings=rng.uniform(0.12, 0.20),
        tree=int(rng.integers(VESSEL_TREES)),
        scapula=0.0,
        bubble=-rng.uniform(0.0, 0.22),
    )


def posed(patient: Anatomy, rng: np.random.Generator, view: str) -> Anatomy:
    """The patient's chest in one image: posture, breath and view differ from visit to visit.

    They differ so much that no pixel shows the same part of the chest in all images.

    Lying down (AP), the breath is shallower, the heart nearer the tube and so larger, and the
    shoulder blades overlie the lungs.
    """
    lying = view == "AP"
    breath = rng.normal(-0.03 if lying else 0.0, 0.06)
    turn = rng.normal(0.0, 0.03 if lying else 0.015)
    magnification = rng.normal(1.09 if lying else 1.0, 0.08)
    return replace(
        patient,
        zoom=patient.zoom * rng.normal(1.02 if lying else 1.0, 0.06),
        shift=(rng.normal(0.0, 0.08), rng.normal(0.0, 0.08)),
        tilt=patient.tilt + rng.normal(0.0, 0.03 if lying else 0.015),
        turn=turn,
        domes=(patient.domes[0] + breath, patient.domes[1] + breath),
        heart=(patient.heart[0] + turn, patient.heart[1] + breath),
        heart_radii=(
            patient.heart_radii[0] * magnification,
            patient.heart_radii[1] * magnification,
        ),
        air_depth=patient.air_depth * rng.uniform(0.75, 1.15),
        markings=patient.markings * rng.uniform(0.85, 1.2),
        scapula=rng.uniform(0.4, 1.0) if lying else rng.uniform(0.0, 0.25),
        bubble=patient.bubble * rng.random(),
    )
