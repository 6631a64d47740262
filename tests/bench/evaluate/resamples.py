"""Hostile images and resamples of them, for the tests of what is computed in many at once."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.evaluate.ranking import CHUNK


@st.composite
def resampled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Targets, scores with many ties, groups, and counts of more than one chunk of resamples."""
    n = draw(st.integers(2, 12))
    groups = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), np.int64)
    targets = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    scores = np.array(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), np.float64)
    resamples = draw(st.sampled_from([1, CHUNK, CHUNK + 3]))
    counts = draw(hnp.arrays(np.uint16, (6, resamples), elements=st.integers(0, 4)))
    return targets, scores, groups, counts
