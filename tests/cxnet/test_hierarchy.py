"""The hierarchy's routing, on a case worked out by hand and on every kind of image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from cxnet import (
    Blame,
    Leaf,
    Routed,
    StageProbabilities,
    StageThresholds,
    blame,
    leaf_of,
    route,
    soft_findings,
)

# Three findings: A, B, C. For each image what the stages say, and the truth.
#
#     m1    m2    m3 (A, B, C)      m4 (A, B, C)      truth
BY_HAND: list[tuple[float, float, list[float], list[float], list[int]]] = [
    (0.10, 0.90, [0.9, 0.9, 0.9], [0.8, 0.1, 0.1], [0, 0, 0]),
    (0.40, 0.10, [0.9, 0.9, 0.9], [0.8, 0.1, 0.1], [1, 0, 0]),
    (0.50, 0.20, [0.9, 0.9, 0.9], [0.2, 0.6, 0.2], [0, 0, 0]),
    (0.90, 0.69, [0.9, 0.9, 0.9], [0.2, 0.6, 0.2], [0, 1, 0]),
    (0.90, 0.10, [0.9, 0.9, 0.9], [0.4, 0.4, 0.2], [0, 1, 0]),
    (0.90, 0.10, [0.9, 0.9, 0.1], [0.1, 0.2, 0.7], [1, 1, 0]),
    (0.90, 0.70, [0.6, 0.1, 0.4], [0.2, 0.6, 0.2], [1, 0, 1]),
    (0.90, 0.80, [0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [1, 1, 1]),
    (0.90, 0.80, [0.1, 0.1, 0.1], [0.2, 0.6, 0.2], [1, 0, 0]),
    (0.90, 0.80, [0.6, 0.3, 0.5], [0.2, 0.6, 0.2], [1, 1, 1]),
]
HAND_THRESHOLDS = StageThresholds(
    abnormal=0.5, several=0.7, of_several=np.array([0.5, 0.25, 0.375])
)
# Worked out by hand:
#
# 0  m1 says normal, rightly.
# 1  m1 says normal: lost there.
# 2  m1 says abnormal, exactly at its threshold, of a normal image: lost there, though m4 answers.
# 3  m2 says one, just under its threshold; m4 names B, rightly.
# 4  m2 says one, rightly; A and B are equal, m4 names the first: lost at the leaf.
# 5  m2 says one of an image with two: lost there. m4 names C.
# 6  m2 says several, exactly at its threshold; m3 names A (0.6 >= 0.5) and C (0.4 >= 0.375).
# 7  m2 says several; m3 names A (exactly at its threshold) and B, not C: lost at the leaf.
# 8  m2 says several of an image with one: lost there. No label reaches its threshold; the
#    margins are -0.4, -0.15, -0.275, so m3 names B and C.
# 9  m3 names all three, rightly.
HAND_FINDINGS = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 1, 0],
    [0, 1, 0],
    [1, 0, 0],
    [0, 0, 1],
    [1, 0, 1],
    [1, 1, 0],
    [0, 1, 1],
    [1, 1, 1],
]
HAND_LEAF = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
HAND_BLAME = [0, 1, 1, 0, 3, 2, 0, 3, 2, 0]


def hand_case() -> tuple[StageProbabilities, NDArray[np.bool_]]:
    abnormal, several, of_several, of_one, truth = zip(*BY_HAND, strict=True)
    probabilities = StageProbabilities(
        abnormal=np.array(abnormal),
        several=np.array(several),
        of_several=np.array(of_several),
        of_one=np.array(of_one),
    )
    return probabilities, np.array(truth, dtype=np.bool_)


def test_every_route_of_the_case_by_hand() -> None:
    probabilities, _ = hand_case()
    routed = route(probabilities, HAND_THRESHOLDS)
    assert routed.leaf.tolist() == HAND_LEAF
    assert routed.leaf.dtype == np.int64
    assert routed.findings.astype(int).tolist() == HAND_FINDINGS
    assert {Leaf(leaf) for leaf in HAND_LEAF} == set(Leaf)


def test_every_blame_of_the_case_by_hand() -> None:
    probabilities, truth = hand_case()
    blamed = blame(route(probabilities, HAND_THRESHOLDS), truth)
    assert blamed.tolist() == HAND_BLAME
    assert blamed.dtype == np.int64
    assert {Blame(number) for number in HAND_BLAME} == set(Blame)


def test_soft_findings_of_the_case_by_hand() -> None:
    probabilities, _ = hand_case()
    soft = soft_findings(probabilities)
    # 0.1 (0.9 · 0.9 + 0.1 · 0.8), 0.1 (0.9 · 0.9 + 0.1 · 0.1)
    assert soft[0] == pytest.approx([0.089, 0.082, 0.082], abs=1e-15)
    # 0.9 (0.8 · 0.5 + 0.2 · 0.2), 0.9 (0.8 · 0.3 + 0.2 · 0.6), 0.9 (0.8 · 0.2 + 0.2 · 0.2)
    assert soft[7] == pytest.approx([0.396, 0.324, 0.18], abs=1e-15)


@pytest.mark.parametrize(
    ("of_several", "thresholds", "answer"),
    [
        # All margins are equal: the first two.
        ([0.25, 0.25, 0.25], [0.5, 0.5, 0.5], [1, 1, 0]),
        # One reaches its threshold; the others' margins are equal: it, and the first of them.
        ([0.25, 0.25, 0.75], [0.5, 0.5, 0.5], [1, 0, 1]),
        # The margin decides, not the probability: -0.25 beats -0.375.
        ([0.5, 0.25, 0.0], [0.875, 0.5, 0.125], [0, 1, 1]),
        # All at their thresholds: all.
        ([0.25, 0.5, 0.75], [0.25, 0.5, 0.75], [1, 1, 1]),
        # A threshold above 1 is never reached, yet m2 said several.
        ([1.0, 1.0, 1.0], [1.5, 1.25, 1.5], [1, 1, 0]),
    ],
)
def test_m3_names_two_at_least(
    of_several: list[float], thresholds: list[float], answer: list[int]
) -> None:
    probabilities = StageProbabilities(
        abnormal=np.array([1.0]),
        several=np.array([1.0]),
        of_several=np.array([of_several]),
        of_one=np.full((1, 3), 1 / 3),
    )
    limits = StageThresholds(abnormal=0.5, several=0.5, of_several=np.array(thresholds))
    assert route(probabilities, limits).findings.astype(int).tolist() == [answer]


def test_a_threshold_taken_from_float32_probabilities_is_reached_by_them() -> None:
    """Compared in float64: 0.7 is more in float64 than in float32, at every stage alike."""
    seven_tenths = np.array([0.7], np.float32)
    probabilities = StageProbabilities(
        abnormal=seven_tenths,
        several=seven_tenths,
        of_several=np.array([[0.7, 0.7, 0.7]], np.float32),
        of_one=np.full((1, 3), 1 / 3, np.float32),
    )

    def leaf(abnormal: float, several: float) -> int:
        thresholds = StageThresholds(abnormal=abnormal, several=several, of_several=np.full(3, 0.5))
        return int(route(probabilities, thresholds).leaf[0])

    assert leaf(float(seven_tenths[0]), float(seven_tenths[0])) == Leaf.SEVERAL
    assert leaf(0.7, 0.5) == Leaf.NORMAL
    assert leaf(0.5, 0.7) == Leaf.ONE


SHARE = st.floats(0.0, 1.0)
POSITIVE_SHARE = st.floats(0.0, 1.0, exclude_min=True)
GENERATORS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
SHAPES = st.tuples(st.integers(0, 12), st.integers(2, 14))


@st.composite
def truths(draw: st.DrawFn) -> NDArray[np.bool_]:
    """Findings of 0 to 12 images, each with none, one or several of 2 to 14."""
    shape, random = draw(SHAPES), draw(GENERATORS)
    found: NDArray[np.bool_] = random.random(shape) < random.choice([0.1, 0.3, 0.6])
    return found


@st.composite
def any_probabilities(draw: st.DrawFn, shape: tuple[int, int]) -> StageProbabilities:
    """Some levels that hypothesis chooses, so that ties are common, and any others."""
    levels = np.array([0.0, 0.5, 1.0, *draw(st.lists(SHARE, max_size=3))])
    random = draw(GENERATORS)

    def shares(*size: int) -> NDArray[np.float64]:
        return np.where(random.random(size) < 0.7, random.choice(levels, size), random.random(size))

    of_one = random.integers(0, 4, shape).astype(np.float64)
    of_one[of_one.sum(axis=1) == 0] = 1.0  # a row of zeros has no softmax
    return StageProbabilities(
        abnormal=shares(shape[0]),
        several=shares(shape[0]),
        of_several=shares(*shape),
        of_one=of_one / of_one.sum(axis=1, keepdims=True),
    )


@st.composite
def any_thresholds(
    draw: st.DrawFn, k: int, elements: st.SearchStrategy[float] = SHARE
) -> StageThresholds:
    elements = st.sampled_from([0.5, 1.0]) | elements
    return StageThresholds(
        abnormal=draw(elements),
        several=draw(elements),
        of_several=draw(arrays(np.float64, k, elements=elements)),
    )


def all_sets(k: int) -> NDArray[np.bool_]:
    """Every set of k findings, one a row."""
    sets: NDArray[np.bool_] = (np.arange(2**k)[:, None] >> np.arange(k)) % 2 == 1
    return sets


@given(st.data())
def test_perfect_stages_give_perfect_answers_for_every_set_of_findings(data: st.DataObject) -> None:
    """A stage knows the images that it is trained on; of the others it may say anything."""
    truth = data.draw(st.integers(2, 5).map(all_sets) | truths())
    n, k = truth.shape
    number = truth.sum(axis=1)
    anything = data.draw(any_probabilities((n, k)))
    perfect = StageProbabilities(
        abnormal=(number > 0).astype(np.float64),
        several=np.where(number > 0, number > 1, anything.several),
        of_several=np.where(number[:, None] > 1, truth, anything.of_several),
        of_one=np.where(number[:, None] == 1, truth, anything.of_one),
    )
    routed = route(perfect, data.draw(any_thresholds(k, POSITIVE_SHARE)))
    assert np.array_equal(routed.findings, truth)
    assert np.array_equal(soft_findings(perfect), truth)
    assert (blame(routed, truth) == Blame.RIGHT).all()


@given(st.data())
def test_every_error_is_the_fault_of_the_first_stage_that_erred(data: st.DataObject) -> None:
    truth = data.draw(truths())
    n, k = truth.shape
    probabilities, thresholds = data.draw(any_probabilities((n, k))), data.draw(any_thresholds(k))
    routed = route(probabilities, thresholds)
    blamed = blame(routed, truth)
    for image in range(n):
        found, said = truth[image].sum(), probabilities
        m1_right = (said.abnormal[image] >= thresholds.abnormal) == (found > 0)
        # Of a normal image there is nothing for m2 to be wrong about.
        m2_right = found == 0 or (said.several[image] >= thresholds.several) == (found > 1)
        exact = np.array_equal(routed.findings[image], truth[image])
        expected = (
            Blame.M1
            if not m1_right
            else Blame.M2
            if not m2_right
            else Blame.LEAF
            if not exact
            else Blame.RIGHT
        )
        assert blamed[image] == expected
        assert exact == (blamed[image] == Blame.RIGHT)


@given(st.data())
def test_the_number_of_findings_tells_the_leaf(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    probabilities = data.draw(any_probabilities(shape))
    thresholds = data.draw(any_thresholds(shape[1]))
    routed = route(probabilities, thresholds)
    abnormal = probabilities.abnormal >= thresholds.abnormal
    several = probabilities.several >= thresholds.several
    number = routed.findings.sum(axis=1)
    assert np.array_equal(number == 0, ~abnormal)
    assert np.array_equal(number == 1, abnormal & ~several)
    assert np.array_equal(number >= 2, abnormal & several)
    assert np.array_equal(routed.leaf, np.minimum(number, 2))
    # Whatever reaches its threshold is named.
    reached = probabilities.of_several >= thresholds.of_several
    assert not (reached & ~routed.findings)[routed.leaf == Leaf.SEVERAL].any()
    enough = (routed.leaf == Leaf.SEVERAL) & (reached.sum(axis=1) >= 2)
    assert np.array_equal(routed.findings[enough], reached[enough])


@given(st.data())
def test_an_image_is_answered_alike_in_any_company(data: st.DataObject) -> None:
    truth = data.draw(truths())
    n, k = truth.shape
    probabilities, thresholds = data.draw(any_probabilities((n, k))), data.draw(any_thresholds(k))
    order = np.array(data.draw(st.permutations(range(n))), dtype=np.int64)[: (n + 1) // 2]
    some = StageProbabilities(
        abnormal=probabilities.abnormal[order],
        several=probabilities.several[order],
        of_several=probabilities.of_several[order],
        of_one=probabilities.of_one[order],
    )
    routed, again = route(probabilities, thresholds), route(some, thresholds)
    assert np.array_equal(again.leaf, routed.leaf[order])
    assert np.array_equal(again.findings, routed.findings[order])
    assert np.array_equal(soft_findings(some), soft_findings(probabilities)[order])
    assert np.array_equal(blame(again, truth[order]), blame(routed, truth)[order])


@given(st.data())
def test_soft_findings_stay_between_the_leaves(data: st.DataObject) -> None:
    probabilities = data.draw(any_probabilities((5, 4)))
    soft = soft_findings(probabilities)
    upper = np.maximum(probabilities.of_several, probabilities.of_one)
    assert soft.dtype == np.float64
    assert (soft >= 0.0).all()
    assert (soft <= probabilities.abnormal[:, None] * upper + 1e-15).all()
    assert (soft <= 1.0).all()


def good_probabilities() -> dict[str, Any]:
    return {
        "abnormal": np.array([0.2, 0.8]),
        "several": np.array([0.3, 0.7]),
        "of_several": np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]),
        "of_one": np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]),
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("abnormal", np.array([0.2, np.nan]), "abnormal holds a value that is no probability"),
        ("abnormal", np.array([0.2, 1.1]), "abnormal holds a value that is no probability"),
        ("several", np.array([-0.1, 1.0]), "several holds a value that is no probability"),
        ("several", np.array([0.1, np.inf]), "several holds a value that is no probability"),
        ("of_several", np.full((2, 3), np.nan), "of_several holds a value that is no probability"),
        ("of_one", np.full((2, 3), 5.0), "of_one holds a value that is no probability"),
        ("abnormal", np.full((2, 1), 0.5), "abnormal has 2 dimensions, not 1"),
        ("of_one", np.full(3, 0.5), "of_one has 1 dimensions, not 2"),
        ("abnormal", np.full(3, 0.5), r"abnormal has the shape \(3,\), not \(2,\) as of_several"),
        ("several", np.full(1, 0.5), r"several has the shape \(1,\), not \(2,\) as of_several"),
        ("of_one", np.full((2, 2), 0.5), r"of_one has the shape \(2, 2\), not \(2, 3\) as of_"),
        ("of_one", np.full((2, 3), 0.5), "of_one has rows that do not sum to 1"),
    ],
)
def test_what_no_four_stages_can_say_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageProbabilities(**(good_probabilities() | {name: value}))


def test_one_finding_is_no_hierarchy() -> None:
    single = {"of_several": np.ones((2, 1)), "of_one": np.ones((2, 1))}
    with pytest.raises(ValueError, match="of_several and of_one have 1 findings"):
        StageProbabilities(**(good_probabilities() | single))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("abnormal", float("nan"), "abnormal holds a threshold that is no number from 0"),
        ("several", -0.1, "several holds a threshold that is no number from 0"),
        ("of_several", np.array([0.5, np.inf, 0.5]), "of_several holds a threshold that is no"),
        ("of_several", np.full((1, 3), 0.5), "of_several has 2 dimensions, not 1"),
        ("several", np.array([0.5]), "several has 1 dimensions, not 0"),
    ],
)
def test_a_threshold_that_is_none_is_refused(name: str, value: Any, message: str) -> None:
    good: dict[str, Any] = {"abnormal": 0.5, "several": 0.5, "of_several": np.full(3, 0.5)}
    with pytest.raises(ValueError, match=message):
        StageThresholds(**(good | {name: value}))


def test_thresholds_of_other_findings_are_refused() -> None:
    thresholds = StageThresholds(abnormal=0.5, several=0.5, of_several=np.full(2, 0.5))
    with pytest.raises(ValueError, match=r"thresholds.of_several has the shape \(2,\), not \(3,\)"):
        route(StageProbabilities(**good_probabilities()), thresholds)


def test_answers_and_truths_are_sets_of_findings() -> None:
    probabilities, truth = hand_case()
    routed = route(probabilities, HAND_THRESHOLDS)
    with pytest.raises(ValueError, match=r"truth is boolean .*, not int64"):
        blame(routed, truth.astype(np.int64))
    with pytest.raises(ValueError, match=r"truth has the shape \(10, 2\), not \(10, 3\)"):
        blame(routed, truth[:, :2])
    with pytest.raises(ValueError, match=r"findings is boolean \(images, findings\), not bool"):
        leaf_of(truth[0])
    with pytest.raises(ValueError, match="leaf does not fit findings"):
        Routed(leaf=routed.leaf[::-1], findings=routed.findings)
    assert leaf_of(truth).tolist() == [0, 1, 0, 1, 1, 2, 2, 2, 1, 2]
