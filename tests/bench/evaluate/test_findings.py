"""Metrics over several findings against scikit-learn and hand-made cases."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from bench.evaluate.binary import choose_threshold
from bench.evaluate.findings import FindingsMetrics, choose_thresholds, class_metrics, label_metrics

# Few distinct values, so that ties are frequent; the ends of the range among them.
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
SHAPE = st.tuples(st.integers(1, 30), st.integers(2, 5))
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@st.composite
def labels(draw: st.DrawFn) -> tuple[Ints, Floats, Floats]:
    """Targets and probabilities (n, findings), thresholds (findings,)."""
    shape = draw(SHAPE)
    targets = draw(arrays(np.int64, shape, elements=st.integers(0, 1)))
    probabilities = draw(arrays(np.float64, shape, elements=PROBABILITY))
    return targets, probabilities, draw(arrays(np.float64, shape[1], elements=PROBABILITY))


@st.composite
def classes(draw: st.DrawFn) -> tuple[Ints, Floats]:
    """Targets (n,) and probabilities (n, findings)."""
    shape = draw(SHAPE)
    targets = draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    return targets, draw(arrays(np.float64, shape, elements=PROBABILITY))


def _check_against_scikit_learn(
    found: FindingsMetrics, targets: Ints, probabilities: Floats, called: NDArray[np.bool_]
) -> None:
    """All of them (n, findings)."""
    support = np.sum(targets, axis=0)
    present, with_both = support > 0, (support > 0) & (support < len(targets))
    for finding, metrics in enumerate(found.findings):
        t, p, c = targets[:, finding], probabilities[:, finding], called[:, finding]
        assert (metrics.images, metrics.positives) == (len(t), t.sum())
        if not present[finding]:
            continue
        expected = {
            "accuracy": sklearn_metrics.accuracy_score(t, c),
            "precision": sklearn_metrics.precision_score(t, c, zero_division=np.nan),
            "recall": sklearn_metrics.recall_score(t, c),
            "f1": sklearn_metrics.f1_score(t, c),
            "average_precision": sklearn_metrics.average_precision_score(t, p),
            "auc": sklearn_metrics.roc_auc_score(t, p) if with_both[finding] else math.nan,
            "specificity": sklearn_metrics.recall_score(t, c, pos_label=0)
            if with_both[finding]
            else math.nan,
        }
        for name, value in expected.items():
            assert getattr(metrics, name) == pytest.approx(value, nan_ok=True), (finding, name)
    for name, score, answers, over in (
        ("auc", sklearn_metrics.roc_auc_score, probabilities, with_both),
        ("average_precision", sklearn_metrics.average_precision_score, probabilities, present),
        ("recall", sklearn_metrics.recall_score, called, present),
        ("f1", sklearn_metrics.f1_score, called, present),
    ):
        assert found.macro[name].findings == over.sum(), name
        # scikit-learn's macro average of one column would be that of its two classes.
        macro = (
            score(targets[:, over], answers[:, over], average="macro")
            if over.sum() > 1
            else score(targets[:, over].ravel(), answers[:, over].ravel())
            if over.any()
            else math.nan
        )
        assert found.macro[name].mean == pytest.approx(macro, nan_ok=True), name
        if 0 < targets.sum() < targets.size:
            micro = score(targets.ravel(), answers.ravel())
            assert found.micro[name] == pytest.approx(micro), name


@settings(max_examples=50)
@given(labels())
def test_every_metric_of_labels_is_scikit_learn_s(case: tuple[Ints, Floats, Floats]) -> None:
    targets, probabilities, thresholds = case
    called = probabilities >= thresholds
    found = label_metrics(targets, probabilities, thresholds=thresholds)
    _check_against_scikit_learn(found, targets, probabilities, called)
    assert [metrics.threshold for metrics in found.findings] == thresholds.tolist()
    assert found.images == len(targets)
    assert found.exact_match == sklearn_metrics.accuracy_score(targets, called)


@settings(max_examples=50)
@given(classes())
def test_every_metric_of_classes_is_scikit_learn_s(case: tuple[Ints, Floats]) -> None:
    targets, probabilities = case
    every = np.arange(probabilities.shape[1])
    right, called = targets[:, None] == every, probabilities.argmax(axis=1)
    found = class_metrics(targets, probabilities)
    _check_against_scikit_learn(
        found, right.astype(np.int64), probabilities, called[:, None] == every
    )
    assert all(math.isnan(metrics.threshold) for metrics in found.findings)
    assert found.exact_match == sklearn_metrics.accuracy_score(targets, called)
    # Each image has one finding and is called one.
    assert found.exact_match == pytest.approx(found.micro["recall"])
    assert found.exact_match == pytest.approx(found.micro["f1"])


def test_labels_by_hand() -> None:
    targets = [[1, 0], [1, 0], [0, 1], [0, 0]]
    probabilities = [[0.9, 0.2], [0.3, 0.1], [0.4, 0.8], [0.1, 0.9]]
    found = label_metrics(targets, probabilities, thresholds=[0.5, 0.5])
    first, second = found.findings
    # 0.9 is above 0.4 and 0.1, 0.3 above 0.1 alone; 0.8 is above 0.2 and 0.1 and below 0.9.
    assert (first.auc, second.auc) == (3 / 4, 2 / 3)
    assert (first.recall, second.recall) == (1 / 2, 1.0)
    assert (first.precision, second.precision) == (1.0, 1 / 2)
    assert found.macro["auc"].mean == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert found.macro["f1"].mean == pytest.approx(2 / 3)
    # Of 8 pairs: 2 found, 1 missed, 1 called wrongly.
    assert found.micro["recall"] == pytest.approx(2 / 3)
    assert found.micro["f1"] == pytest.approx(4 / 6)
    # The first and third image.
    assert found.exact_match == 1 / 2


def test_classes_by_hand() -> None:
    probabilities = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    found = class_metrics([0, 0, 1, 2], probabilities)
    assert [metrics.recall for metrics in found.findings] == [1 / 2, 1.0, 0.0]
    assert [metrics.precision for metrics in found.findings][:2] == [1 / 2, 1 / 2]
    assert math.isnan(found.findings[2].precision)
    assert found.macro["recall"].mean == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found.exact_match == 1 / 2


def test_the_first_of_equally_probable_classes_is_the_answer() -> None:
    assert class_metrics([0, 1], [[0.5, 0.5], [0.5, 0.5]]).exact_match == 1 / 2
    assert class_metrics([1, 1], [[0.5, 0.5], [0.5, 0.5]]).exact_match == 0.0


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_finding_that_no_image_has_is_not_judged(probability: float) -> None:
    """Neither for calling it nor for not calling it."""
    targets = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    probabilities = np.array([[0.9, 0, 0.8], [0.1, 0, 0.7], [0.2, 0, 0.6]])
    probabilities[:, 1] = probability
    found = label_metrics(targets, probabilities, thresholds=[0.5, 0.5, 0.5])
    counts = {"images": 3, "positives": 0, "threshold": 0.5}
    for name, value in asdict(found.findings[1]).items():
        assert value == counts[name] if name in counts else math.isnan(value), name
    # The second finding is in none of the averages of findings.
    assert {name: macro.findings for name, macro in found.macro.items()} == dict.fromkeys(
        found.macro, 2
    )
    assert found.macro["auc"].mean == (1.0 + 1 / 2) / 2
    assert found.macro["f1"].mean == (1.0 + 1 / 2) / 2
    # In the pairs it is: calling it is wrong.
    wrong = 3 if probability else 0
    assert found.micro["f1"] == pytest.approx(2 * 2 / (2 * 2 + 2 + wrong))


def test_a_class_that_no_image_has_is_not_judged() -> None:
    found = class_metrics([0, 2, 2], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    absent = found.findings[1]
    assert absent.positives == 0
    assert all(math.isnan(x) for x in (absent.auc, absent.recall, absent.f1, absent.specificity))
    assert (found.macro["recall"].mean, found.macro["recall"].findings) == (3 / 4, 2)


def test_a_finding_that_every_image_has_is_left_out_of_macro_auc_alone() -> None:
    found = label_metrics([[1, 0], [1, 1]], [[0.2, 0.1], [0.9, 0.4]], thresholds=[0.5, 0.5])
    assert math.isnan(found.findings[0].auc)
    assert (found.macro["auc"].mean, found.macro["auc"].findings) == (1.0, 1)
    assert (found.macro["recall"].mean, found.macro["recall"].findings) == (1 / 4, 2)


def test_averages_over_nothing_are_nan() -> None:
    found = label_metrics([[0, 0]], [[0.2, 0.1]], thresholds=[0.5, 0.5])
    assert all(math.isnan(m.mean) and m.findings == 0 for m in found.macro.values())
    assert all(math.isnan(value) for value in found.micro.values())
    assert found.exact_match == 1.0


@settings(max_examples=50)
@given(labels())
def test_each_finding_has_its_own_threshold(case: tuple[Ints, Floats, Floats]) -> None:
    targets, probabilities, _ = case
    assert choose_thresholds(targets, probabilities).tolist() == [
        choose_threshold(targets[:, finding], probabilities[:, finding])
        for finding in range(targets.shape[1])
    ]


def test_a_finding_without_an_example_is_called_on_none_of_the_images() -> None:
    targets, probabilities = [[1, 0], [0, 0]], [[0.9, 0.2], [0.1, 0.6]]
    assert choose_thresholds(targets, probabilities).tolist() == [0.5, 0.8]


@pytest.mark.parametrize(
    ("targets", "probabilities", "message"),
    [
        ([[0, 1]], [[0.5, math.nan]], "1 of 2 scores are NaN"),
        ([[0, 1]], [[0.5, 1.01]], r"not in \[0, 1\]"),
        ([[0, 2]], [[0.5, 0.5]], "targets other than 0 and 1"),
        ([[0, 1]], [[0.5]], "are not one"),
        ([0, 1], [0.5, 0.5], "are not one"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "n >= 1"),
    ],
)
def test_labels_that_are_none_are_refused(
    targets: list[list[int]], probabilities: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        label_metrics(targets, probabilities, thresholds=[0.5, 0.5])
    with pytest.raises(ValueError, match=message):
        choose_thresholds(targets, probabilities)


def test_every_finding_needs_a_threshold() -> None:
    with pytest.raises(ValueError, match="not one for each of 2 findings"):
        label_metrics([[0, 1]], [[0.5, 0.5]], thresholds=[0.5])


@pytest.mark.parametrize(
    ("targets", "probabilities", "message"),
    [
        ([0], [[0.5, math.nan]], "1 of 2 scores are NaN"),
        ([0], [[0.5, -0.1]], r"not in \[0, 1\]"),
        ([2], [[0.5, 0.5]], "targets other than 0 to 1"),
        ([-1], [[0.5, 0.5]], "targets other than 0 to 1"),
        ([[0, 1]], [[0.5, 0.5]], r"not \(n,\) and \(n, k\)"),
        ([0, 1], [[0.5, 0.5]], r"not \(n,\) and \(n, k\)"),
        ([], np.zeros((0, 2)), r"not \(n,\) and \(n, k\)"),
    ],
)
def test_classes_that_are_none_are_refused(
    targets: list[int], probabilities: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        class_metrics(targets, probabilities)
