"""Every figure and every draw of it, against the plain metrics on images repeated as drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.evaluate.binary import auc, binary_metrics, choose_threshold, expected_calibration_error
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration import fit_temperature, scaled
from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.finding_scores import findings_figures
from bench.evaluate.findings import AVERAGED, choose_thresholds, class_metrics, label_metrics
from bench.evaluate.measures import TWO_CLASSES
from bench.evaluate.operating import sensitivity_at_specificity
from bench.evaluate.sample import Sample
from bench.evaluate.two_class_scores import two_class_figures
from bench.runs.predictions import Outputs, Predictions
from tests.bench.evaluate.answers import judged

RESAMPLING = Resampling(resamples=25)
TWO = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1])
PATIENTS = ["a", "a", "b", "c", "c", "d", "e", "e", "f", "g", "h", "i"]
VALIDATION = judged(np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.5, 0.9]))

probability = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0])


def repeated(sample: Sample, resample: int) -> NDArray[np.int64]:
    """Positions of the images of a resample, each as often as its patient was drawn."""
    times = sample.drawn.counts[sample.drawn.groups, resample]
    return np.repeat(np.arange(len(times)), times)


def agrees(estimate: Estimate, resample: int, expected: float) -> bool:
    found = estimate.draws[resample]
    return bool(np.isclose(found, expected, rtol=0, atol=1e-12, equal_nan=True))


def plain_figures(t: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, float]:
    """By the metrics on some images, threshold and temperature from the validation part."""
    threshold = choose_threshold(VALIDATION.targets, VALIDATION.probabilities[:, 1])
    values = vars(binary_metrics(t, p, threshold=threshold))
    temperature = fit_temperature(VALIDATION.targets, VALIDATION.probabilities, kind="multiclass")
    after = scaled(np.stack([1 - p, p], axis=1), temperature, kind="multiclass")[:, 1]
    figures = {name: float(values[name]) for name in TWO_CLASSES if name in values}
    for at, specificity in (("95", 0.95), ("90", 0.9)):
        point = sensitivity_at_specificity(t, p, specificity=specificity)
        figures[f"sensitivity_at_{at}"] = point.sensitivity
        figures[f"needed_to_read_at_{at}"] = point.needed_to_read
    figures["temperature"] = temperature
    figures["brier_scaled"] = float(np.mean((after - t) ** 2))
    figures["ece_scaled"] = expected_calibration_error(t, after)
    return figures


@given(st.lists(probability, min_size=12, max_size=12))
@settings(max_examples=40)
def test_two_classes_are_judged_in_each_resample_as_on_the_images_as_they_are(
    probabilities: list[float],
) -> None:
    sample = Sample.of(judged(TWO, np.array(probabilities), patients=PATIENTS), RESAMPLING)
    figures, _ = two_class_figures(sample, VALIDATION)
    assert list(figures) == list(TWO_CLASSES)
    t, p = sample.targets, sample.probabilities[:, 1]
    for name, expected in plain_figures(t, p).items():
        assert figures[name].value == pytest.approx(expected, abs=1e-12, nan_ok=True), name
    for resample in range(RESAMPLING.resamples):
        here = repeated(sample, resample)
        if len(set(t[here])) < 2:
            assert math.isnan(figures["auc"].draws[resample])
            continue
        for name, expected in plain_figures(t[here], p[here]).items():
            if not figures[name].reason and name not in ("ece", "ece_scaled"):
                assert agrees(figures[name], resample, expected), name


def test_draws_of_the_calibration_error_lie_about_its_value() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(300)
    sample = Sample.of(judged((rng.random(300) < p).astype(int), p), RESAMPLING)
    figures, _ = two_class_figures(sample, VALIDATION)
    plain = [
        expected_calibration_error(sample.targets[here], sample.probabilities[here, 1])
        for here in (repeated(sample, k) for k in range(RESAMPLING.resamples))
    ]
    ece = figures["ece"]
    assert np.mean(plain) > 1.2 * ece.value  # or else there was nothing to take away
    np.testing.assert_allclose(ece.draws, plain - np.mean(plain) + ece.value, atol=1e-12)


def test_the_confusion_counts_images_called_at_the_validation_threshold() -> None:
    # The threshold is that of the validation part: 0.35, between 0.2 and 0.5.
    answers = judged(np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.4, 0.3, 0.35, 0.9]))
    _, confusion = two_class_figures(Sample.of(answers, RESAMPLING), VALIDATION)
    assert confusion.tolist() == [[1, 1], [1, 2]]


def test_without_validation_what_rests_on_it_is_undefined_and_says_why() -> None:
    answers = judged(TWO, np.linspace(0, 1, 12), patients=PATIENTS)
    figures, confusion = two_class_figures(Sample.of(answers, RESAMPLING), None)
    undefined = {name for name, one in figures.items() if math.isnan(one.value)}
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
    answers = judged(np.array(targets), np.array([0.1, 0.6, 0.7]), patients=patients)
    figures, _ = two_class_figures(Sample.of(answers, RESAMPLING), VALIDATION)
    assert figures[name].reason == reason
    assert math.isnan(Interval.of(figures[name]).low)


NAMES = ("Mass", "Nodule", "Hernia")
LABELS = Outputs(kind="multilabel", classes=NAMES)
SEVERAL = Outputs(kind="multiclass", classes=NAMES)
# Nobody has a hernia in the test part.
THERE = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]] * 3, dtype=float)
LABELS_VALIDATION = judged(np.eye(3), np.array([[0.7, 0.2, 0.1], [0.4, 0.6, 0.3], [0.1, 0.5, 0.8]]))


@given(st.lists(st.lists(probability, min_size=3, max_size=3), min_size=12, max_size=12))
@settings(max_examples=20)
def test_labels_are_judged_in_each_resample_as_on_the_images_as_they_are(
    probabilities: list[list[float]],
) -> None:
    sample = Sample.of(judged(THERE, np.array(probabilities), patients=PATIENTS), RESAMPLING)
    scores = findings_figures(sample, LABELS_VALIDATION, LABELS)
    thresholds = choose_thresholds(LABELS_VALIDATION.targets, LABELS_VALIDATION.probabilities)
    whole = label_metrics(sample.targets, sample.probabilities, thresholds=thresholds)
    assert scores.macro_over == {name: whole.macro[name].findings for name in AVERAGED}
    for resample in range(RESAMPLING.resamples):
        here = repeated(sample, resample)
        t, p = sample.targets[here], sample.probabilities[here]
        plain = label_metrics(t, p, thresholds=thresholds)
        assert agrees(scores.figures["exact_match"], resample, plain.exact_match)
        for name in AVERAGED:
            if not scores.figures[f"micro_{name}"].reason:
                assert agrees(scores.figures[f"micro_{name}"], resample, plain.micro[name]), name
        # Over those findings that the resample has, as for a test part that lacks one.
        for name in AVERAGED:
            if not scores.figures[f"macro_{name}"].reason and name != "auc":
                assert agrees(scores.figures[f"macro_{name}"], resample, plain.macro[name].mean)


def test_a_finding_of_a_single_patient_leaves_the_macro_average_its_interval() -> None:
    there = np.zeros((12, 3))
    there[::2, 0] = there[1::3, 1] = there[4, 2] = 1
    p = np.random.default_rng(0).random((12, 3))
    sample = Sample.of(judged(there, p), RESAMPLING)
    scores = findings_figures(sample, LABELS_VALIDATION, LABELS)
    assert Interval.of(scores.findings["Hernia"]["auc"]).reason
    macro = scores.figures["macro_auc"]
    assert not Interval.of(macro).reason
    for resample in range(RESAMPLING.resamples):
        here = repeated(sample, resample)
        t, q = sample.targets[here], sample.probabilities[here]
        aucs = [auc(t[:, k], q[:, k]) for k in range(3)]
        assert agrees(macro, resample, float(np.nanmean(aucs)))


def test_a_finding_that_no_test_image_has_is_undefined() -> None:
    sample = Sample.of(judged(THERE, np.full((12, 3), 0.5), patients=PATIENTS), RESAMPLING)
    hernia = findings_figures(sample, LABELS_VALIDATION, LABELS).findings["Hernia"]
    assert math.isnan(hernia["auc"].value)
    assert hernia["auc"].reason == "no test image has it"


def test_labels_without_validation_have_what_needs_no_threshold() -> None:
    p = np.random.default_rng(0).random((12, 3))
    sample = Sample.of(judged(THERE, p, patients=PATIENTS), RESAMPLING)
    scores = findings_figures(sample, None, LABELS)
    assert {name for name, one in scores.figures.items() if not math.isnan(one.value)} == {
        *("macro_auc", "macro_average_precision", "micro_auc", "micro_average_precision"),
    }
    assert math.isnan(scores.findings["Mass"]["recall"].value)
    assert not math.isnan(scores.findings["Mass"]["auc"].value)
    assert not scores.confusion.any()


def test_classes_are_answered_with_the_most_probable_one() -> None:
    targets = np.array([0, 0, 1, 1, 2, 2])
    answered = np.array([0, 1, 1, 1, 2, 0])
    p = np.full((6, 3), 0.2)
    p[np.arange(6), answered] = 0.6
    sample = Sample.of(judged(targets, p), RESAMPLING)
    scores = findings_figures(sample, None, SEVERAL)
    assert scores.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert scores.figures["exact_match"].value == pytest.approx(4 / 6)
    for resample in range(RESAMPLING.resamples):
        here = repeated(sample, resample)
        plain = class_metrics(sample.targets[here], sample.probabilities[here])
        assert agrees(scores.figures["exact_match"], resample, plain.exact_match)
        assert agrees(scores.figures["micro_f1"], resample, plain.micro["f1"])


def test_the_order_of_the_images_makes_no_difference() -> None:
    answers = judged(TWO, np.linspace(0, 1, 12) ** 2, patients=PATIENTS)
    arrays = {name: values for name, values in vars(answers).items() if values is not None}
    backwards = Predictions(**{name: values[::-1] for name, values in arrays.items()})
    one, other = (
        two_class_figures(Sample.of(each, RESAMPLING), VALIDATION)[0]
        for each in (answers, backwards)
    )
    for name in TWO_CLASSES:
        np.testing.assert_array_equal(one[name].draws, other[name].draws)
