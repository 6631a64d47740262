"""By which rule thresholds are chosen, where two rules give different answers.

The validation images are such that Youden's J and F1 want other thresholds. That of the rule
that is used is marked; in the test images probabilities lie between the two.

======= ===================================== ======= =======
        probabilities of validation images    J       F1
======= ===================================== ======= =======
m1      abnormal 10 × 0.9, 0.3                *0.65*  0.2
        normal 0.4, 0.1
m2      several 8 × 0.9, 0.3                  *0.65*  0.2
        one 0.4, 0.1
m3      with Nodule 0.9, 0.3                  0.2     *0.7*
        without 3 × 0.5, 4 × 0.1
flat    any finding 10 × 0.9 or more, 0.3     *0.65*  0.2
        none 0.4, 0.1
        with Edema 10 × 0.9, 0.3              0.65    *0.2*
        without 0.4, 0.1
        with Mass 0.8                         0.4     *0.4*
        without 0
        with Nodule 0.9, 0.3                  0.15    *0.7*
        without 3 × 0.5, 8 × 0
======= ===================================== ======= =======

m1: 0.65 finds 10 of 11 and is never wrong (J 0.91, F1 20/21); 0.2 finds all and is wrong about
one of two (J 0.50, F1 22/23). m2 likewise (J 0.89 and 0.50, F1 16/17 and 18/19). Nodule: 0.7
finds one of two and is never wrong (J 0.50, F1 2/3); 0.2 finds both and is wrong about three of
seven (J 0.57, F1 4/7), or of eleven (J 0.73, F1 4/7).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.data.splits import Split
from bench.data.study import study_rows
from tests.bench.cascade.stage_runs import StageRuns

E, M, N = FINDINGS = ("Edema", "Mass", "Nodule")
# Validation: two normal images, two with one finding, nine with several, two of them a Nodule.
TRUTH = {
    "a": (),
    **{"c00": (), "c01": (), "c02": (E,), "c03": (E,)},
    **{f"c{i:02}": (E, N) for i in (4, 5)},
    **{f"c{i:02}": (E, M) for i in range(6, 13)},
    **{"t0": (), "t1": (E,), "t2": (E, M), "t3": (E, N)},
}
IMAGES = list(TRUTH)
LABELS = np.array([[finding in found for finding in FINDINGS] for found in TRUTH.values()])
# Image a trains, and no rule looks at it.
M1 = np.array([0.5, 0.4, 0.1, 0.3, *[0.9] * 10, 0.5, 0.9, 0.9, 0.9])
M2 = np.array([0.5, 0.5, 0.5, 0.4, 0.1, 0.3, *[0.9] * 8, 0.5, 0.5, 0.9, 0.9])
M3 = np.where(LABELS, 0.8, 0.2)
M3[:, 2] = [*[0.5] * 5, 0.9, 0.3, *[0.5] * 3, *[0.1] * 4, 0.5, 0.5, 0.5, 0.8]
M4 = np.tile([0.8, 0.1, 0.1], (len(IMAGES), 1))
FLAT = np.column_stack(
    [
        [0.5, 0.4, 0.1, 0.9, 0.3, *[0.9] * 9, 0.5, 0.9, 0.19, 0.9],
        [*[0.0] * 7, *[0.8] * 7, 0.0, 0.0, 0.3, 0.0],
        [*[0.0] * 5, 0.9, 0.3, *[0.5] * 3, *[0.0] * 4, 0.0, 0.5, 0.62, 0.8],
    ]
)


def test_thresholds_of_findings_are_chosen_by_f1_and_those_of_questions_by_youdens_j(
    tmp_path: Path,
) -> None:
    rows = study_rows({"image": IMAGES, "patient": IMAGES, "findings": list(TRUTH.values())})
    assert rows["image"].tolist() == IMAGES
    split = Split.of(
        np.array([{"a": 0, "c": 1, "t": 2}[image[0]] for image in IMAGES]),
        rows=rows,
        name="image",
        seed=0,
        claims_disjoint=False,
        how="by hand",
    )
    runs = StageRuns(tmp_path, rows=rows.assign(digest=""), split=split, findings=FINDINGS)
    predicted = {"m1": M1, "m2": M2, "m3": M3, "m4": M4, "findings14": FLAT}
    for task, probabilities in predicted.items():
        runs.add(task, probabilities)
    runs.assembled()
    called = {
        run.cell.system: {
            image: tuple(np.array(FINDINGS)[named])
            for image, named in zip(predictions.images, predictions.called, strict=True)
        }
        for run in runs.store.runs()
        if run.cell.kind == "cascade"
        and (predictions := run.predictions()["test"]).called is not None
    }
    # m1 and m2 are cut by Youden's J, m3 by F1.
    assert called["cascade"] == {"t0": (), "t1": (E,), "t2": (E, M), "t3": (E, N)}
    # In t0 Edema reaches its threshold, and the image is normal all the same. In t2 none does:
    # Nodule is likelier, 0.62, but further below its threshold.
    assert called["flat"] == {"t0": (), "t1": (E,), "t2": (E,), "t3": (E, N)}
