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
from numpy.typing import ArrayLike, NDArray

# The rounded probabilities of a softmax in bfloat16 miss 1 by less.
_ROW_SUM_TOLERANCE = 1e-2


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
        ValueError: shapes do not fit one another, fewer than two findings, a probability that
            is NaN or outside [0, 1], or rows of ``of_one`` that do not sum to 1.
    """

    abnormal: NDArray[np.floating[Any]]
    several: NDArray[np.floating[Any]]
    of_several: NDArray[np.floating[Any]]
    of_one: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        for name, dimensions in (("abnormal", 1), ("several", 1), ("of_several", 2), ("of_one", 2)):
            values = _as_float64(name, getattr(self, name), dimensions=dimensions)
            if not ((values >= 0.0) & (values <= 1.0)).all():
                raise ValueError(f"{name} holds a value that is no probability from 0 to 1")
            object.__setattr__(self, name, values)
        n, k = self.of_several.shape
        _check_shape("abnormal", self.abnormal, (n,), like="of_several")
        _check_shape("several", self.several, (n,), like="of_several")
        _check_shape("of_one", self.of_one, (n, k), like="of_several")
        if k < 2:
            raise ValueError(f"of_several and of_one have {k} findings: a hierarchy needs two")
        if not np.allclose(self.of_one.sum(axis=1), 1.0, rtol=0.0, atol=_ROW_SUM_TOLERANCE):
            raise ValueError("of_one has rows that do not sum to 1: m4's classes exclude another")


@dataclass(frozen=True, kw_only=True, eq=False)
class StageThresholds:
    """Thresholds of the stages, which say yes at or above them. m4 needs none.

    A threshold above 1 is never reached. Thresholds belong to the networks, and are to be
    chosen on other images than those they are used on.

    Attributes:
        abnormal: m1's.
        several: m2's.
        of_several: m3's, one for each finding, float (k,); kept as float64.

    Raises:
        ValueError: a threshold is negative, infinite or NaN, or ``of_several`` is not a vector.
    """

    abnormal: float
    several: float
    of_several: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        for name, dimensions in (("abnormal", 0), ("several", 0), ("of_several", 1)):
            values = _as_float64(name, getattr(self, name), dimensions=dimensions)
            if not (np.isfinite(values) & (values >= 0.0)).all():
                raise ValueError(f"{name} holds a threshold that is no number from 0")
            object.__setattr__(self, name, values if dimensions else float(values))


@dataclass(frozen=True, kw_only=True, eq=False)
class Routed:
    """The hierarchy's final answers for n images.

    Attributes:
        leaf: who gave each answer (:class:`Leaf`), int64 (n,).
        findings: the answers, bool (n, k).

    Raises:
        ValueError: ``findings`` is not boolean (n, k), or ``leaf`` is not the one of each
            answer (:func:`leaf_of`).
    """

    leaf: NDArray[np.int64]
    findings: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not np.array_equal(self.leaf, leaf_of(self.findings)):
            raise ValueError("leaf does not fit findings: none is NORMAL, one ONE, more SEVERAL")


def leaf_of(findings: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The leaf where images with these findings belong.

    Args:
        findings: answers or truths, bool (n, k).

    Returns:
        Values of :class:`Leaf`, int64 (n,).

    Raises:
        ValueError: not a boolean array of two dimensions.
    """
    _check_findings("findings", findings)
    # The numbers of the leaves are those of the findings, up to "several".
    leaf: NDArray[np.int64] = np.minimum(findings.sum(axis=1, dtype=np.int64), Leaf.SEVERAL)
    return leaf


def route(probabilities: StageProbabilities, thresholds: StageThresholds) -> Routed:
    """Send each image through the hierarchy.

    Args:
        probabilities: of n images and k findings.
        thresholds: of the same k findings.

    Returns:
        Answers for the n images.

    Raises:
        ValueError: thresholds for another number of findings.
    """
    k = probabilities.of_several.shape[1]
    _check_shape("thresholds.of_several", thresholds.of_several, (k,), like="probabilities")
    abnormal = probabilities.abnormal >= thresholds.abnormal
    several = probabilities.several >= thresholds.several
    findings = np.where(
        several[:, None],
        _at_least_two(probabilities.of_several - thresholds.of_several),
        _most_probable(probabilities.of_one),
    )
    findings &= abnormal[:, None]
    leaf = np.where(abnormal, np.where(several, Leaf.SEVERAL, Leaf.ONE), Leaf.NORMAL)
    return Routed(leaf=leaf.astype(np.int64), findings=findings)


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


def blame(routed: Routed, truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first stage at which each image went wrong.

    The errors are partitioned exactly: an answer that equals the truth has as many findings, so
    its leaf is the truth's and no stage erred; one that differs has either another leaf, and
    then m1 or (where both are abnormal) m2 erred, or the same leaf, and then the leaf erred.

    Args:
        routed: answers for n images.
        truth: which findings each image has, bool (n, k).

    Returns:
        Values of :class:`Blame`, int64 (n,).

    Raises:
        ValueError: ``truth`` is not boolean or has another shape than the answers.
    """
    _check_findings("truth", truth)
    _check_shape("truth", truth, routed.findings.shape, like="routed.findings")
    belongs = leaf_of(truth)
    blamed = np.select(
        [
            (routed.leaf == Leaf.NORMAL) != (belongs == Leaf.NORMAL),
            routed.leaf != belongs,
            (routed.findings != truth).any(axis=1),
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


def _as_float64(name: str, values: ArrayLike, *, dimensions: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"{name} has {array.ndim} dimensions, not {dimensions}")
    return array


def _check_findings(name: str, findings: NDArray[np.bool_]) -> None:
    # Probabilities or class indices would be counted without a word.
    if findings.dtype != np.bool_ or findings.ndim != 2:
        raise ValueError(
            f"{name} is boolean (images, findings), not {findings.dtype} {findings.shape}"
        )


def _check_shape(name: str, array: NDArray[Any], wanted: tuple[int, ...], *, like: str) -> None:
    if array.shape != wanted:
        raise ValueError(f"{name} has the shape {array.shape}, not {wanted} as {like}")
