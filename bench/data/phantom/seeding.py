"""Randomness by purpose: the same (seed, purpose, ids) always gives the same numbers.

No generator is shared between purposes, so adding a draw to one of them cannot move another,
and neither the order of calls nor the size of the cohort matters.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a generator is for; the value enters its seed and must not change."""

    PATIENT = 1  # who the patient is and what was found, visit by visit
    BUILD = 2  # the patient's anatomy
    VISIT = 3  # how one image differs from the patient's others: posture, exposure, noise
    LESION = 4  # where one finding of one patient lies and what it looks like
    TEXTURE = 5  # the textures that all images share


def generator(seed: int, purpose: Purpose, *ids: int) -> np.random.Generator:
    """A generator for one purpose.

    Args:
        seed: the cohort's seed, not negative.
        purpose: what the numbers are for.
        ids: whom they are for (patient number, follow-up number, finding number), not negative.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, *ids))))
