"""The paper's hierarchy (Fig. 2): the findings of an image from the answers of four classifiers.

m1 tells normal from abnormal, and a normal image is done. m2 tells one finding from several.
m4 then names the one finding, or m3 the several. Images are rows, findings columns, throughout.

The paper draws the routing and evaluates m1 alone. How a stage's probabilities become its
answer is therefore ours:

- a stage says yes, and m3 names a label, where the probability is at or above a threshold;
- m4 names the most probable finding, the first of equals;
- m3 answers only where m2 says several, so it names two findings at least: where fewer reach
  their thresholds, the two whose probabilities minus thresholds are largest, the first of
  equals.

An answer is thus empty where m1 ended it, one finding where m4 gave it, and two or more where
m3 did. This makes the number of findings alone tell the leaf (:func:`leaf_of`), of answers and
of truths alike, and it makes every error the fault of one stage (:func:`blame`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Leaf(IntEnum):
    """End of an image's route through the stages."""

    NORMAL = 0
    """Stopped at m1: no finding."""
    ONE = 1
    """Answered by m4: one finding."""
    SEVERAL = 2
    """Answered by m3: two findings or more."""


class Blame(IntEnum):
    """The first stage at which an image went wrong."""

    RIGHT = 0
    """None: the answer is exactly the truth."""
    M1 = 1
    """m1 took an abnormal image for normal, or a normal one for abnormal."""
    M2 = 2
    """m1 was right; m2 took one finding for several, or several for one."""
    LEAF = 3
    """m1 and m2 were right; the leaf (m4 or m3) named other findings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StageProbabilities:
    """Probabilities of all four stages for the same n images and k findings.

    Kept as float64, so that comparing with a threshold does not depend on the precision in
    which a network answered.

    Attributes:
        abnormal: m1's probability of abnormal, float (n,).
        several: m2's probability of several findings, float (n,).
        of_several: m3's probability of each finding on its own (sigmoid), float (n, k).
        of_one: m4's probability of each finding being the one (softmax), float (n, k); rows
            sum to 1.

    Raises:
        ValueError: shapes do not fit one another, fewer than two findings, or a probability that
            is NaN or outside [0, 1].
    """

    abnormal: NDArray[np.floating[Any]]
    several: NDArray[np.floating[Any]]
    of_several: NDArray[np.floating[Any]]
    of_one: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        for name in ("abnormal", "several", "of_several", "of_one"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if not ((values >= 0.0) & (values <= 1.0)).all():
                raise ValueError(f"{name} holds a value that is no probability from 0 to 1")
            object.__setattr__(self, name, values)
        findings = self.of_several.shape
        images = findings[:1]
        shapes = [each.shape for each in (self.abnormal, self.several, self.of_one)]
        if shapes != [images, images, findings] or findings[1:] < (2,):
            raise ValueError(
                f"abnormal, several and of_one have the shapes {shapes}, of_several {findings}: "
                "give (n,), (n,), (n, k) and (n, k) with two findings or more"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class StageThresholds:
    """Thresholds of the stages, which say yes at or above them. m4 needs none.

    A threshold above 1 is never reached. Thresholds belong to the networks, and are to be
    chosen on other images than those they are used on.

    Attributes:
        abnormal: m1's.
        several: m2's.
        of_several: m3's, one for each finding, float64 (k,).
    """

    abnormal: float
    several: float
    of_several: NDArray[np.float64]


def leaf_of(findings: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The leaf where images with these findings belong.

    Args:
        findings: answers or truths, bool (n, k).

    Returns:
        Values of :class:`Leaf`, int64 (n,).
    """
    # The numbers of the leaves are those of the findings, up to "several".
    leaf: NDArray[np.int64] = np.minimum(findings.sum(axis=1, dtype=np.int64), Leaf.SEVERAL)
    return leaf


def route(probabilities: StageProbabilities, thresholds: StageThresholds) -> NDArray[np.bool_]:
    """Send each image through the hierarchy.

    Args:
        probabilities: of n images and k findings.
        thresholds: of the same k findings.

    Returns:
        The answers, bool (n, k); :func:`leaf_of` them says who gave each.
    """
    abnormal = probabilities.abnormal >= thresholds.abnormal
    several = probabilities.several >= thresholds.several
    findings: NDArray[np.bool_] = np.where(
        several[:, None],
        _at_least_two(probabilities.of_several - thresholds.of_several),
        _most_probable(probabilities.of_one),
    )
    return findings & abnormal[:, None]


def soft_findings(probabilities: StageProbabilities) -> NDArray[np.float64]:
    """The stages' probabilities multiplied instead of thresholded.

    p(abnormal) · (p(several) · m3 + (1 − p(several)) · m4), for each finding.

    A score to rank images by, not a calibrated probability. It would be the probability of the
    finding if each stage's output were the true probability given the stages before it; yet m3
    does not condition on there being two findings at least (its labels are independent).

    Args:
        probabilities: of n images and k findings.

    Returns:
        In [0, 1], shape (n, k).
    """
    several = probabilities.several[:, None]
    leaves = several * probabilities.of_several + (1.0 - several) * probabilities.of_one
    scores: NDArray[np.float64] = probabilities.abnormal[:, None] * leaves
    return scores


def blame(findings: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first stage at which each image went wrong.

    The errors are partitioned exactly: an answer that equals the truth has as many findings, so
    its leaf is the truth's and no stage erred; one that differs has either another leaf, and
    then m1 or (where both are abnormal) m2 erred, or the same leaf, and then the leaf erred.

    Args:
        findings: answers for n images, bool (n, k).
        truth: which findings each image has, bool (n, k).

    Returns:
        Values of :class:`Blame`, int64 (n,).
    """
    ended, belongs = leaf_of(findings), leaf_of(truth)
    blamed = np.select(
        [
            (ended == Leaf.NORMAL) != (belongs == Leaf.NORMAL),
            ended != belongs,
            (findings != truth).any(axis=1),
        ],
        [Blame.M1, Blame.M2, Blame.LEAF],
        default=Blame.RIGHT,
    )
    return blamed.astype(np.int64)


def _most_probable(of_one: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    # argmax gives the first of equals.
    chosen: NDArray[np.bool_] = np.eye(of_one.shape[1], dtype=np.bool_)[of_one.argmax(axis=1)]
    return chosen


def _at_least_two(margins: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Every label with a margin of 0 or more, and the two largest in any case."""
    answer = margins >= 0.0
    # A stable sort keeps equals in their order. Where two labels or more reach their thresholds,
    # the two largest are among them, and nothing is added.
    largest = np.argsort(-margins, axis=1, kind="stable")[:, :2]
    np.put_along_axis(answer, largest, True, axis=1)
    return answer
