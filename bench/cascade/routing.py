"""Findings that a cascade, and its flat rival, name in each test image.

Thresholds are chosen on the validation images that a stage's task asks about: those of m1 and m2 by
Youden's J, as everywhere here, and those of each finding by F1, in m3 and the flat network alike.
Where a finding cannot be told apart, J would name it in far more images than have it. How the
stages' answers become one is in :mod:`cxnet.hierarchy`.

The flat network has no m1 to say that an image is normal. With a threshold for each finding alone,
one finding that it cannot tell apart is named everywhere, and no image is normal. So it is asked as
the cascade is: first whether there is any finding, by the probability 1 - product of (1 - p) with a
threshold chosen as m1's, and then which. That is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.cascade.stages import FLAT, STAGES
from bench.errors import InputError
from bench.evaluate.thresholds import (
    choose_threshold,
    choose_threshold_for_f1,
    choose_thresholds,
)
from bench.runs.predictions import Predictions
from bench.runs.run import Run
from cxnet.hierarchy import StageProbabilities, StageThresholds, route, soft_findings

SplitImages = Mapping[str, frozenset[str]]
"""Ids of the images of each part of the split that all stages share."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Routes:
    """Findings that one system names in the test images, in the order of their ids.

    Attributes:
        called: the findings named, bool (n, k).
        probabilities: of each finding, for ranking, float64 (n, k).
    """

    called: NDArray[np.bool_]
    probabilities: NDArray[np.float64]


def route_cascade(
    stages: Mapping[str, Run], *, images: NDArray[np.object_], split: SplitImages
) -> Routes:
    """Route every test image through four stages.

    Args:
        stages: a finished run for each of m1 to m4.
        images: ids of all test images, sorted.
    """
    p = {task: _probabilities(stages[task], images, split) for task in STAGES}
    # m4 needs no threshold; its validation images are checked all the same.
    validation = {task: _validation(stages[task], split) for task in STAGES}
    try:
        probabilities = StageProbabilities(
            abnormal=p["m1"][:, 1], several=p["m2"][:, 1], of_several=p["m3"], of_one=p["m4"]
        )
        thresholds = StageThresholds(
            abnormal=_by_youden(validation["m1"]),
            several=_by_youden(validation["m2"]),
            of_several=_by_f1(validation["m3"]),
        )
    except ValueError as error:
        names = ", ".join(run.name for run in stages.values())
        raise InputError(f"predictions of runs {names}: {error}") from None
    return Routes(
        called=route(probabilities, thresholds).findings,
        probabilities=soft_findings(probabilities),
    )


def route_flat(
    stages: Mapping[str, Run], *, images: NDArray[np.object_], split: SplitImages
) -> Routes:
    """Ask the flat network whether there is any finding, then which.

    As an abnormal image of a cascade has a finding, so has one here: where none reaches its
    threshold, the one that is nearest to it.
    """
    run = stages[FLAT]
    p = _probabilities(run, images, split)
    validation = _validation(run, split)
    try:
        thresholds = _by_f1(validation)
        any_threshold = choose_threshold(
            validation.targets.max(axis=1), any_finding(validation.probabilities)
        )
    except ValueError as error:
        raise InputError(f"predictions of run {run.name}: {error}") from None
    margins = p - thresholds
    called = margins >= 0
    called[np.arange(len(called)), margins.argmax(axis=1)] = True
    called &= (any_finding(p) >= any_threshold)[:, None]
    return Routes(called=called, probabilities=p)


def any_finding(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of at least one finding, were they independent."""
    absent: NDArray[np.float64] = np.prod(1.0 - probabilities, axis=1)
    return 1.0 - absent


def _by_youden(validation: Predictions) -> float:
    return choose_threshold(validation.targets, validation.probabilities[:, 1])


def _by_f1(validation: Predictions) -> NDArray[np.float64]:
    return choose_thresholds(
        validation.targets, validation.probabilities, rule=choose_threshold_for_f1
    )


def _probabilities(
    run: Run, images: NDArray[np.object_], split: SplitImages
) -> NDArray[np.float64]:
    """A run's probabilities for all test images, asked about or not, (n, classes)."""
    frame = run.probabilities("test")
    predicted = frame.index.to_numpy(dtype=object)
    _check_part(run, "test", predicted, split)
    if not np.array_equal(predicted, images):
        raise InputError(
            f"run {run.name} does not predict every test image of the cascade: "
            "`bench doctor` says what to do"
        )
    return frame.to_numpy(dtype=np.float64)


def _validation(run: Run, split: SplitImages) -> Predictions:
    predictions = run.predictions()["validation"]
    _check_part(run, "validation", predictions.images, split)
    return predictions


def _check_part(run: Run, part: str, images: NDArray[np.object_], split: SplitImages) -> None:
    """Refuse predictions for an image that the split has in another part."""
    if strangers := set(images) - split[part]:
        learned = sorted(strangers & split["train"])
        image = (
            f"{learned[0]!r}, from which the stages learned"
            if learned
            else f"{min(strangers)!r}, which the split has elsewhere"
        )
        raise InputError(
            f"run {run.name} has among its {part} images {image}: its predictions "
            "were changed: `bench doctor` says what to do"
        )
