"""Randomness as a function of (run seed, purpose, step).

No generator is kept between steps, so nothing depends on how often one was called before: a
resumed run, another number of workers or another executor draws the same numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, purpose: str, step: int = 0) -> int:
    """A seed for one purpose at one step of a run.

    Args:
        purpose: what the numbers are for ("dropout", "order").
        step: iteration or epoch, as the purpose counts them.

    Returns:
        63 bits (so that it fits a signed 64-bit integer): the head of the SHA-256 of the three,
        the same on every platform and in every process.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """NumPy's PCG64 generator seeded with :func:`derive_seed`.

    NumPy promises the same raw bits (``generator(...).bit_generator.random_raw``) in every
    version, but not the same ``permutation`` or ``normal`` (NEP 19): what must stay the same
    for years, like a split, is drawn from the raw bits.
    """
    return np.random.Generator(np.random.PCG64(derive_seed(seed, purpose, step)))
