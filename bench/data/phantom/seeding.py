"""Randomness by purpose: the same (seed, purpose, ids) always gives the same numbers.

No generator is shared between purposes, so adding a draw to one of them cannot move another,
and neither the order of calls nor the size of the cohort matters.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a generator; its value enters the seed and must not change."""

    PATIENT = 1  # the patient, and the findings of each visit
    BUILD = 2  # the patient's anatomy
    VISIT = 3  # differences between images of a patient: posture, exposure, noise
    LESION = 4  # place and appearance of a finding of a patient
    TEXTURE = 5  # the textures that all images share


def generator(seed: int, purpose: Purpose, *ids: int) -> np.random.Generator:
    """A generator for one purpose, by patient, follow-up and finding as it needs them."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, *ids))))
