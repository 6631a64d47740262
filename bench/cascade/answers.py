"""What a cascade, and its flat rival, answer for each test image.

The thresholds are chosen on those validation images that a stage's task asks about: of m1 and m2
by Youden's J, as everywhere here, and of each finding by F1, in m3 and the flat network alike:
where a finding can be told apart at all, J would name it in far more images than have it. How the
stages' answers become one is in :mod:`cxnet.hierarchy`.

The flat network has no m1 to say that an image is normal. With thresholds for each finding alone,
one finding that it cannot tell apart is named everywhere, and no image is normal. So it is asked
as the cascade is: first whether there is any finding, by the probability 1 - product of (1 - p)
with a threshold chosen as m1's, and then which. That is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cascade.gather import FLAT, STAGES
from bench.cascade.separation import Separation
from bench.errors import InputError
from bench.evaluate.thresholds import choose_threshold, choose_threshold_for_f1, choose_thresholds
from bench.runs.predictions import Predictions
from bench.runs.run import Run
from cxnet.hierarchy import StageProbabilities, StageThresholds, blame, route, soft_findings


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The test images and what they show, n images and k findings.

    Attributes:
        images: ids, sorted, str (n,).
        patients: str (n,); "" where unknown.
        findings: names of the findings.
        labels: bool (n, k).
    """

    images: NDArray[np.object_]
    patients: NDArray[np.object_]
    findings: tuple[str, ...]
    labels: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What one system says of the test images, in the order of :class:`Truth`.

    Attributes:
        findings: the findings named, bool (n, k).
        scores: of each finding, higher is likelier, float64 (n, k); None where it has none.
        blame: the first wrong stage (:class:`cxnet.hierarchy.Blame`), int64 (n,); None for a
            system without stages.
    """

    findings: NDArray[np.bool_]
    scores: NDArray[np.float64] | None = None
    blame: NDArray[np.int64] | None = None


def read_truth(finished: Mapping[str, Run]) -> Truth | None:
    """What the test images show, from the targets that runs were judged by.

    ``findings14`` says it of every image. Where it was not run, m1 knows which images are
    normal, m3 and m4 what the others show.

    Args:
        finished: for each task one run.

    Returns:
        None where neither is there.

    Raises:
        InputError: stored predictions are damaged.
    """
    if FLAT in finished:
        run = finished[FLAT]
        judged = run.predictions()["test"]
        return _truth(judged, judged.targets > 0, run.outputs.classes)
    if not finished.keys() >= {"m1", "m3", "m4"}:
        return None
    judged, several, one = (finished[task].predictions()["test"] for task in ("m1", "m3", "m4"))
    index = pd.Index(judged.images)
    places = [index.get_indexer(pd.Index(part.images)) for part in (several, one)]
    labels = np.zeros((len(judged.images), several.targets.shape[1]), np.bool_)
    labels[places[0]] = several.targets > 0
    labels[places[1], one.targets] = True
    abnormal = np.flatnonzero(judged.targets)
    # Of a stranger the index gives -1, which is no abnormal image.
    if not np.array_equal(np.sort(np.concatenate(places)), abnormal):
        names = ", ".join(finished[task].folder.name for task in ("m1", "m3", "m4"))
        raise InputError(f"runs {names} do not agree on which test images are abnormal")
    return _truth(judged, labels, finished["m3"].outputs.classes)


def _truth(judged: Predictions, labels: NDArray[np.bool_], findings: tuple[str, ...]) -> Truth:
    order = np.argsort(judged.images, kind="stable")
    return Truth(
        images=judged.images[order],
        patients=judged.patients[order],
        findings=findings,
        labels=labels[order],
    )


def answer_by_cascade(
    stages: Mapping[str, Run], truth: Truth, *, separation: Separation
) -> Answers:
    """Route every test image through four stages.

    Args:
        stages: a finished run for each of m1 to m4.
        truth: of the test images.
        separation: what the stages may be judged on.

    Raises:
        InputError: stored predictions are damaged, or about other images.
    """
    said = {task: _said(stages[task], truth, separation) for task in STAGES}
    # m4 needs no threshold; its validation images are checked all the same.
    tuned = {task: _tuned_on(stages[task], separation) for task in STAGES}
    try:
        probabilities = StageProbabilities(
            abnormal=said["m1"][:, 1],
            several=said["m2"][:, 1],
            of_several=said["m3"],
            of_one=said["m4"],
        )
        thresholds = StageThresholds(
            abnormal=choose_threshold(tuned["m1"].targets, tuned["m1"].probabilities[:, 1]),
            several=choose_threshold(tuned["m2"].targets, tuned["m2"].probabilities[:, 1]),
            of_several=_for_findings(tuned["m3"]),
        )
    except ValueError as error:
        names = ", ".join(run.folder.name for run in stages.values())
        raise InputError(f"predictions of runs {names}: {error}") from None
    routed = route(probabilities, thresholds)
    return Answers(
        findings=routed.findings,
        scores=soft_findings(probabilities),
        blame=blame(routed, truth.labels),
    )


def answer_flat(run: Run, truth: Truth, *, separation: Separation) -> Answers:
    """Name the findings of the images that have any.

    As an abnormal image of a cascade has a finding, so has one here: where none reaches its
    threshold, the one that is nearest to it.

    Args:
        run: a finished one of ``findings14``.
        truth: of the test images.
        separation: what it may be judged on.

    Raises:
        InputError: stored predictions are damaged, or about other images.
    """
    scores = _said(run, truth, separation)
    tuned = _tuned_on(run, separation)
    try:
        thresholds = _for_findings(tuned)
        abnormal = choose_threshold(tuned.targets.max(axis=1), any_finding(tuned.probabilities))
    except ValueError as error:
        raise InputError(f"predictions of run {run.folder.name}: {error}") from None
    margins = scores - thresholds
    named = margins >= 0
    named[np.arange(len(named)), margins.argmax(axis=1)] = True
    named &= (any_finding(scores) >= abnormal)[:, None]
    return Answers(findings=named, scores=scores)


def any_finding(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of at least one finding, were they independent.

    Args:
        probabilities: of each finding, (n, k).

    Returns:
        Shape (n,).
    """
    absent: NDArray[np.float64] = np.prod(1.0 - probabilities, axis=1)
    return 1.0 - absent


def answer_always_normal(truth: Truth) -> Answers:
    """No finding for any image: the answer that needs no network."""
    return Answers(findings=np.zeros_like(truth.labels))


def _for_findings(tuned: Predictions) -> NDArray[np.float64]:
    return choose_thresholds(tuned.targets, tuned.probabilities, rule=choose_threshold_for_f1)


def _said(run: Run, truth: Truth, separation: Separation) -> NDArray[np.float64]:
    """A run's probabilities for all test images, asked about or not, (n, outputs)."""
    answers = run.probabilities("test")
    separation.check(run, "test", answers.index)
    if not np.array_equal(answers.index.to_numpy(dtype=object), truth.images):
        raise InputError(
            f"run {run.folder.name} has no answer for every test image of the cascade: delete "
            "its folder and run it again"
        )
    return answers.to_numpy(dtype=np.float64)


def _tuned_on(run: Run, separation: Separation) -> Predictions:
    judged = run.predictions()["validation"]
    separation.check(run, "validation", judged.images)
    return judged
