"""Every figure of a run and each of its draws, against metrics of the images repeated as drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.evaluate.auc import Auc
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.findings import finding_figures
from bench.evaluate.measures import AVERAGED, TWO_CLASSES
from bench.evaluate.sample import Sample
from bench.evaluate.thresholds import choose_threshold, choose_thresholds
from bench.evaluate.two_classes import two_class_figures
from bench.runs.predictions import Outputs, Predictions
from cxnet.hierarchy import Blame, Routed, blame, leaf_of
from tests.bench.evaluate import reference
from tests.bench.evaluate.stored_runs import predictions_of

RESAMPLING = Resampling(count=15)
TWO = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1])
PATIENTS = ["a", "a", "b", "c", "c", "d", "e", "e", "f", "g", "h", "i"]
VALIDATION = predictions_of(np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.5, 0.9]))
THRESHOLD = choose_threshold(VALIDATION.targets, VALIDATION.probabilities[:, 1])
TEMPERATURE = fit_temperature(VALIDATION.targets, VALIDATION.probabilities)

probability = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0])


def repeated(sample: Sample, draw: int) -> NDArray[np.int64]:
    """Positions of the images of a draw, each as often as its patient; -1: each once."""
    times = sample.resamples.counts[sample.resamples.groups, 1 + draw]
    return np.repeat(np.arange(len(times)), times)


def agrees(estimate: Estimate | Auc, draw: int, expected: float) -> bool:
    """An AUC has no draws: its value alone is looked at."""
    if isinstance(estimate, Auc):
        return draw >= 0 or bool(np.isclose(estimate.value, expected, equal_nan=True))
    found = estimate.value if draw < 0 else estimate.draws[draw]
    return bool(np.isclose(found, expected, rtol=0, atol=1e-12, equal_nan=True))


def interval_of(figure: Estimate | Auc) -> Interval:
    return figure.interval() if isinstance(figure, Auc) else Interval.of(figure)


def plain_figures(t: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, float]:
    """Figures of some images, with threshold and temperature from the validation part."""
    after = scaled(np.stack([1 - p, p], axis=1), TEMPERATURE)[:, 1]
    figures = {
        "auc": reference.auc(t, p),
        "average_precision": reference.average_precision(t, p),
        **reference.classification(t, p >= THRESHOLD),
        "brier": float(np.mean((p - t) ** 2)),
        "temperature": TEMPERATURE,
        "brier_scaled": float(np.mean((after - t) ** 2)),
    }
    for at, specificity in (("95", 0.95), ("90", 0.9)):
        point = reference.operating_point(t, p, specificity=specificity)
        figures[f"sensitivity_at_{at}"], figures[f"needed_to_read_at_{at}"] = point
    return figures


@given(st.lists(probability, min_size=12, max_size=12))
@settings(max_examples=8)
def test_figures_of_two_classes(probabilities: list[float]) -> None:
    sample = Sample.of(predictions_of(TWO, np.array(probabilities), patients=PATIENTS), RESAMPLING)
    figures, _ = two_class_figures(sample, VALIDATION)
    assert list(figures) == list(TWO_CLASSES)
    t, p = sample.targets, sample.probabilities[:, 1]
    for draw in range(-1, RESAMPLING.count):
        here = repeated(sample, draw)
        if len(set(t[here])) < 2:
            continue
        for name, expected in plain_figures(t[here], p[here]).items():
            if draw < 0 or not figures[name].reason:
                assert agrees(figures[name], draw, expected), name


def test_chance_is_taken_off_the_value_and_the_lower_draws_of_the_calibration_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(300)
    sample = Sample.of(predictions_of((rng.random(300) < p).astype(int), p), RESAMPLING)
    ece = two_class_figures(sample, VALIDATION)[0]["ece"]
    assert isinstance(ece, Estimate)
    t, q = sample.targets, sample.probabilities[:, 1]
    bins = reference.bins_of(q)
    value, *plain = (
        reference.calibration_error(t[here], q[here], bins[here])
        for here in (repeated(sample, draw) for draw in range(-1, RESAMPLING.count))
    )
    assert ece.value < value / 2  # a calibrated network: most of it is chance
    upper = ece.draws > value
    expected = np.array(plain) - np.mean(plain) + value
    np.testing.assert_allclose(ece.draws[upper], expected[upper], atol=1e-12)
    assert (ece.draws[~upper] < value).all()
    assert ece.draws.min() < ece.value


def test_the_confusion_counts_images_called_at_the_validation_threshold() -> None:
    # The threshold is that of the validation part: 0.35, between 0.2 and 0.5.
    predictions = predictions_of(np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.4, 0.3, 0.35, 0.9]))
    _, confusion = two_class_figures(Sample.of(predictions, RESAMPLING), VALIDATION)
    assert confusion.tolist() == [[1, 1], [1, 2]]


def test_without_validation_what_rests_on_it_is_undefined_and_says_why() -> None:
    predictions = predictions_of(TWO, np.linspace(0, 1, 12), patients=PATIENTS)
    figures, confusion = two_class_figures(Sample.of(predictions, RESAMPLING), None)
    undefined = {name for name, figure in figures.items() if math.isnan(figure.value)}
    assert undefined == {
        *("accuracy", "recall", "specificity", "precision", "f1"),
        *("temperature", "brier_scaled", "ece_scaled"),
    }
    assert {figures[name].reason for name in undefined} == {
        "there are no predictions for the validation part"
    }
    assert not confusion.any()


@pytest.mark.parametrize(
    ("targets", "patients", "name", "reason"),
    [
        ([0, 0, 0], ["a", "b", "c"], "auc", "the images are all of one class"),
        ([0, 0, 1], ["a", "b", "c"], "auc", "the images of a class are all of one patient"),
        ([0, 0, 1], ["a", "b", "c"], "recall", "the images that count are all of one patient"),
        ([0, 0, 0], ["a", "b", "c"], "recall", "no image counts"),
        ([0, 1, 1], ["a", "a", "a"], "accuracy", "the images that count are all of one patient"),
    ],
)
def test_tiny_sets_have_no_interval_and_say_why(
    targets: list[int], patients: list[str], name: str, reason: str
) -> None:
    predictions = predictions_of(np.array(targets), np.array([0.1, 0.6, 0.7]), patients=patients)
    figures, _ = two_class_figures(Sample.of(predictions, RESAMPLING), VALIDATION)
    assert figures[name].reason == reason
    assert math.isnan(interval_of(figures[name]).low)


NAMES = ("Mass", "Nodule", "Hernia")
LABELS = Outputs(kind="multilabel", classes=NAMES)
CLASSES = Outputs(kind="multiclass", classes=NAMES)
# Nobody has a hernia in the test part.
THERE = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]] * 3, dtype=float)
LABELS_VALIDATION = predictions_of(
    np.eye(3), np.array([[0.7, 0.2, 0.1], [0.4, 0.6, 0.3], [0.1, 0.5, 0.8]])
)


def plain_averages(
    t: NDArray[np.bool_], p: NDArray[np.float64], called: NDArray[np.bool_], *, over: list[int]
) -> dict[str, float]:
    """Macro averages over those findings that the images have, and micro averages, (n, k) each."""

    def of(t: NDArray[np.bool_], p: NDArray[np.float64], c: NDArray[np.bool_]) -> dict[str, float]:
        ranked = {
            "auc": reference.auc(t, p),
            "average_precision": reference.average_precision(t, p),
        }
        return ranked | reference.classification(t, c)

    each = [of(t[:, k], p[:, k], called[:, k]) for k in over if t[:, k].any()]
    pooled = of(t.ravel(), p.ravel(), called.ravel())
    averaged = [name for name in AVERAGED if name in pooled]
    figures = {f"micro_{name}": pooled[name] for name in averaged}
    for name in averaged:
        defined = [one[name] for one in each if not math.isnan(one[name])]
        figures[f"macro_{name}"] = float(np.mean(defined)) if defined else math.nan
    return figures | {"exact_match": float((called == t).all(axis=1).mean())}


@given(st.lists(st.lists(probability, min_size=3, max_size=3), min_size=12, max_size=12))
@settings(max_examples=5)
def test_figures_of_labels(probabilities: list[list[float]]) -> None:
    sample = Sample.of(
        predictions_of(THERE, np.array(probabilities), patients=PATIENTS), RESAMPLING
    )
    figures, findings, confusion = finding_figures(sample, LABELS_VALIDATION, LABELS)
    thresholds = choose_thresholds(LABELS_VALIDATION.targets, LABELS_VALIDATION.probabilities)
    t, p = sample.targets > 0, sample.probabilities
    called = p >= thresholds
    for draw in range(-1, RESAMPLING.count):
        here = repeated(sample, draw)
        plain = plain_averages(t[here], p[here], called[here], over=[0, 1])
        for name, expected in plain.items():
            if not figures[name].reason:
                assert agrees(figures[name], draw, expected), name
    assert [figures["threshold"].value for figures in findings.values()] == thresholds.tolist()
    recall = findings["Mass"]["recall"].value
    assert recall == reference.classification(t[:, 0], called[:, 0])["recall"]
    assert confusion[0].tolist() == [
        ((t[:, 0] == truth) & (called[:, 0] == call)).sum()
        for truth in (False, True)
        for call in (False, True)
    ]


def test_a_finding_of_a_single_patient_leaves_the_macro_average_its_interval() -> None:
    there = np.zeros((12, 3))
    there[::2, 0] = there[1::3, 1] = there[4, 2] = 1
    p = np.random.default_rng(0).random((12, 3))
    sample = Sample.of(predictions_of(there, p), RESAMPLING)
    figures, findings, _ = finding_figures(sample, LABELS_VALIDATION, LABELS)
    assert interval_of(findings["Hernia"]["auc"]).reason
    for name in ("macro_auc", "macro_average_precision"):
        assert not interval_of(figures[name]).reason
    for draw in range(RESAMPLING.count):
        here = repeated(sample, draw)
        t, q = sample.targets[here], sample.probabilities[here]
        each = [reference.average_precision(t[:, k], q[:, k]) for k in range(3)]
        assert agrees(figures["macro_average_precision"], draw, float(np.nanmean(each)))


@pytest.mark.parametrize(("p", "wrong"), [(0.0, 0), (1.0, 12)])
def test_a_finding_that_no_test_image_has_is_undefined(p: float, wrong: int) -> None:
    """Neither for calling it nor for not calling it; in the pairs, calling it is wrong."""
    probabilities = np.full((12, 3), 0.6)
    probabilities[:, 2] = p
    sample = Sample.of(predictions_of(THERE, probabilities, patients=PATIENTS), RESAMPLING)
    figures, findings, _ = finding_figures(sample, LABELS_VALIDATION, LABELS)
    hernia = findings["Hernia"]
    assert hernia.pop("threshold").value == pytest.approx(0.55)
    assert all(math.isnan(figure.value) for figure in hernia.values())
    assert {figure.reason for figure in hernia.values()} == {"no test image has it"}
    # The other two are called on all twelve images, of which six have each.
    assert figures["macro_recall"].value == 1.0
    assert figures["micro_f1"].value == pytest.approx(2 * 12 / (24 + 12 + wrong))


def test_a_finding_that_every_image_has_is_left_out_of_macro_auc_alone() -> None:
    predictions = predictions_of(np.array([[1.0, 0], [1, 1]]), np.array([[0.2, 0.1], [0.9, 0.4]]))
    validation = predictions_of(np.eye(2), np.array([[0.6, 0.4], [0.4, 0.6]]))
    both = Outputs(kind="multilabel", classes=NAMES[:2])
    figures, findings, _ = finding_figures(Sample.of(predictions, RESAMPLING), validation, both)
    assert math.isnan(findings["Mass"]["auc"].value)
    assert (figures["macro_auc"].value, figures["macro_recall"].value) == (1.0, 1 / 4)


def test_labels_without_validation_have_what_needs_no_threshold() -> None:
    p = np.random.default_rng(0).random((12, 3))
    sample = Sample.of(predictions_of(THERE, p, patients=PATIENTS), RESAMPLING)
    figures, findings, confusion = finding_figures(sample, None, LABELS)
    assert {name for name, figure in figures.items() if not math.isnan(figure.value)} == {
        *("macro_auc", "macro_average_precision", "micro_auc", "micro_average_precision"),
        "macro_ece",
    }
    assert math.isnan(findings["Mass"]["recall"].value)
    assert not math.isnan(findings["Mass"]["auc"].value)
    assert not confusion.any()


def test_a_cascade_calls_what_it_names_and_each_error_is_of_the_first_wrong_stage() -> None:
    #                  normal     a mass     both       normal     a mass     both
    truth = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0]], float)
    named = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], bool)
    # By its probabilities alone every image would be called everything.
    predictions = replace(predictions_of(truth, np.full((6, 3), 0.9)), called=named)
    figures, findings, _ = finding_figures(Sample.of(predictions, RESAMPLING), None, LABELS)
    expected = {
        "exact_match": 3 / 6,
        "normal_right": 1 / 2,
        "lost_m1": 1 / 6,
        "lost_m2": 1 / 6,
        "lost_leaf": 1 / 6,
        # Of four masses named three are there; of two nodules one.
        "macro_precision": (3 / 4 + 1 / 2) / 2,
        "macro_recall": (3 / 4 + 1 / 2) / 2,
    }
    assert {name: figures[name].value for name in expected} == pytest.approx(expected)
    assert findings["Mass"]["recall"].value == 3 / 4


def test_errors_of_a_cascade_are_blamed_on_the_stages_that_the_hierarchy_blames() -> None:
    rng = np.random.default_rng(0)
    truth, named = (rng.random((200, 3)) < 0.3 for _ in range(2))
    predictions = replace(predictions_of(truth.astype(float), rng.random((200, 3))), called=named)
    figures, _, _ = finding_figures(Sample.of(predictions, RESAMPLING), None, LABELS)
    blamed = blame(Routed(leaf=leaf_of(named), findings=named), truth)
    stages = {"lost_m1": Blame.M1, "lost_m2": Blame.M2, "lost_leaf": Blame.LEAF}
    found = {name: figures[name].value for name in stages}
    assert found == pytest.approx({name: np.mean(blamed == s) for name, s in stages.items()})


def test_the_most_probable_class_is_called_and_the_first_of_a_tie() -> None:
    targets = np.array([0, 0, 1, 1, 2, 2])
    called = np.array([0, 1, 1, 1, 2, 0])
    p = np.full((6, 3), 0.2)
    p[np.arange(6), called] = 0.6
    p[5] = 0.4, 0.2, 0.4
    sample = Sample.of(predictions_of(targets, p), RESAMPLING)
    figures, _, confusion = finding_figures(sample, None, CLASSES)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert figures["exact_match"].value == pytest.approx(4 / 6)
    one_hot = np.arange(3)
    for draw in range(-1, RESAMPLING.count):
        here = repeated(sample, draw)
        plain = plain_averages(
            targets[here, None] == one_hot, p[here], called[here, None] == one_hot, over=[0, 1, 2]
        )
        for name in ("exact_match", "micro_f1", "macro_recall"):
            assert agrees(figures[name], draw, plain[name]), name


def test_the_order_of_the_images_makes_no_difference() -> None:
    forwards = predictions_of(TWO, np.linspace(0, 1, 12) ** 2, patients=PATIENTS)
    arrays = {name: values for name, values in vars(forwards).items() if values is not None}
    backwards = Predictions(**{name: values[::-1] for name, values in arrays.items()})
    one, other = (
        two_class_figures(Sample.of(each, RESAMPLING), VALIDATION)[0]
        for each in (forwards, backwards)
    )
    for name in TWO_CLASSES:
        assert interval_of(one[name]) == interval_of(other[name])
