"""Ten test images that a cascade gets right or wrong in every way it can, worked out by hand.

All thresholds come out at 0.5, but for the finding that no image shows. In the test images:

==== =========== ============== ================ ========== =====
     truth       m1, m2         leaf             answer     wrong
==== =========== ============== ================ ========== =====
t0   normal      0.1            –                normal
t1   normal      0.7, 0.1       m4 Edema         E          m1
t2   E           0.9, 0.1       m4 Edema         E
t3   E           0.3            –                normal     m1
t4   M           0.9, 0.9       m3 E 0.6, M 0.8  E, M       m2
t5   M           0.5, 0.2       m4 Nodule        N          leaf
t6   E, M        0.9, 0.9       m3 E 0.9, M 0.7  E, M
t7   M, N        0.9, 0.4       m4 Mass          M          m2
t8   E, N        0.9, 0.8       m3 E 0.9, N 0.3  E, N
t9   E, M        0.9, 0.8       m3 E, M, N       E, M, N    leaf
==== =========== ============== ================ ========== =====

t5 is just at m1's threshold; in t8 only E reaches m3's, and N is the nearer of the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.data.splits import Split
from bench.data.study import study_rows
from tests.bench.cascade.stage_runs import StageRuns

FINDINGS = ("Edema", "Mass", "Nodule", "Hernia")
E, M, N = FINDINGS[:3]
TRUTH = {
    "a": (),
    "b": (E,),
    **{"c0": (), "c1": (E,), "c2": (E, M), "c3": (M, N), "c4": (E, N)},
    **{"t0": (), "t1": (), "t2": (E,), "t3": (E,), "t4": (M,), "t5": (M,)},
    **{"t6": (E, M), "t7": (M, N), "t8": (E, N), "t9": (E, M)},
}
IMAGES = list(TRUTH)
LABELS = np.array([[finding in found for finding in FINDINGS] for found in TRUTH.values()])
TEST = slice(IMAGES.index("t0"), None)
ROWS = study_rows(
    {
        "image": IMAGES,
        # b's patient has a test image.
        "patient": ["a", "t3", *IMAGES[2:]],
        "findings": list(TRUTH.values()),
    }
).assign(digest="")
SPLIT = Split.of(
    np.array([{"c": 1, "t": 2}.get(image[0], 0) for image in IMAGES]),
    rows=ROWS,
    name="image",
    seed=3,
    claims_disjoint=False,
    how="by hand",
)

# Where nothing else is said: 0.8 for what is right and 0.2 for what is not.
M1 = np.where(LABELS.any(axis=1), 0.8, 0.2)
M1[TEST] = [0.1, 0.7, 0.9, 0.3, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9]
M2 = np.where(LABELS.sum(axis=1) > 1, 0.8, 0.2)
M2[TEST] = [0.5, 0.1, 0.1, 0.5, 0.9, 0.2, 0.9, 0.4, 0.8, 0.8]
M3 = np.where(LABELS, 0.8, 0.2)
M3[TEST] = 0.1
for image, values in {
    "t4": [0.6, 0.8, 0.1, 0.1],
    "t6": [0.9, 0.7, 0.1, 0.1],
    "t7": [0.1, 0.9, 0.9, 0.1],
    "t8": [0.9, 0.2, 0.3, 0.1],
    "t9": [0.9, 0.6, 0.7, 0.1],
}.items():
    M3[IMAGES.index(image)] = values
M4 = np.full(LABELS.shape, 0.1)
for image in IMAGES:
    M4[IMAGES.index(image), {"t5": 2, "t7": 1}.get(image, 0)] = 0.7
# The flat network names Nodule in t0, misses Mass in t4, and is right otherwise.
FLAT = np.where(LABELS, 0.8, 0.2)
FLAT[IMAGES.index("t0"), 2] = 0.6
FLAT[IMAGES.index("t4"), 1] = 0.4
FLAT[IMAGES.index("t9"), 3] = 0.55  # of Hernia, whose threshold is (0.2 + 1) / 2

PROBABILITIES = {"m1": M1, "m2": M2, "m3": M3, "m4": M4, "findings14": FLAT}


def new_store(root: Path) -> StageRuns:
    """Without any run yet."""
    return StageRuns(root, rows=ROWS, split=SPLIT, findings=FINDINGS)


def add_by_hand(runs: StageRuns, *, but: tuple[str, ...] = (), **about: Any) -> None:
    """The runs of the table above, but for some tasks."""
    for task, probabilities in PROBABILITIES.items():
        if task not in but:
            runs.add(task, probabilities, **about)
