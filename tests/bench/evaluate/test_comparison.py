"""Rows compared with a reference, on cases that can be worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.tasks import make_task
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.comparison import compare_with
from bench.evaluate.delong import delong
from bench.evaluate.scorer import Scorer
from tests.bench.evaluate.stored_runs import StoredRuns

NONE: tuple[str, ...] = ()
MASS = ("Mass",)
IMAGES = 400
VALIDATION = 100
TRUTH = np.arange(IMAGES) % 2


def noisy(shift: float, seed: int) -> NDArray[np.float64]:
    """Probabilities whose normal scores are ``shift`` apart between the classes."""
    scores = TRUTH * shift + np.random.default_rng(seed).normal(size=IMAGES)
    return 1 / (1 + np.exp(-scores))


@pytest.fixture
def stored(tmp_path: Path) -> StoredRuns:
    return StoredRuns(
        tmp_path, findings=[MASS if sick else NONE for sick in TRUTH], validation=VALIDATION
    )


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(Resampling(resamples=400))


def test_a_tie_stays_a_tie(stored: StoredRuns, scorer: Scorer) -> None:
    p = noisy(1.0, 0)
    one, other = stored.add("one", p), stored.add("other", p)
    comparison = compare_with([one], {"other": [other]}, scorer=scorer)["other"]
    assert (comparison.difference.low, comparison.difference.value, comparison.difference.high) == (
        0,
        0,
        0,
    )
    assert (comparison.p, comparison.p_holm, comparison.verdict) == (1.0, 1.0, "cannot tell")
    assert comparison.images == IMAGES - VALIDATION


def test_better_and_worse_are_told_and_chance_is_not(stored: StoredRuns, scorer: Scorer) -> None:
    reference = stored.add("reference", noisy(1.0, 0))
    others = {
        "far better": [stored.add("far better", noisy(3.0, 1))],
        "chance": [stored.add("chance", noisy(0.0, 2))],
        "alike": [stored.add("alike", noisy(1.0, 3))],
    }
    comparison = compare_with([reference], others, scorer=scorer)
    assert {name: one.verdict for name, one in comparison.items()} == {
        "far better": "better",
        "chance": "worse",
        "alike": "cannot tell",
    }
    auc = {name: scorer.score(runs[0]).figures["auc"].value for name, runs in others.items()}
    base = scorer.score(reference).figures["auc"].value
    for name, one in comparison.items():
        assert one.difference.value == pytest.approx(auc[name] - base, abs=1e-12)
        assert one.difference.low < one.difference.value < one.difference.high
        assert one.smallest > 0


def test_p_is_corrected_for_the_number_of_comparisons(stored: StoredRuns, scorer: Scorer) -> None:
    reference = stored.add("reference", noisy(1.0, 0))
    others = {str(k): [stored.add(str(k), noisy(1.0 + k / 5, k + 1))] for k in range(4)}
    comparison = compare_with([reference], others, scorer=scorer)
    plain = sorted((one.p, one.p_holm) for one in comparison.values())
    running = 0.0
    for place, (p, corrected) in enumerate(plain):
        running = max(running, min(1.0, (4 - place) * p))
        assert corrected == pytest.approx(running)


def test_a_row_of_one_class_cannot_be_compared(tmp_path: Path, scorer: Scorer) -> None:
    stored = StoredRuns(tmp_path, findings=[NONE, MASS, NONE, NONE, NONE], validation=2)
    one = stored.add("one", np.array([0.1, 0.9, 0.2, 0.3, 0.4]))
    other = stored.add("other", np.array([0.1, 0.9, 0.2, 0.3, 0.5]))
    comparison = compare_with([one], {"other": [other]}, scorer=scorer)["other"]
    assert (comparison.verdict, math.isnan(comparison.p)) == ("n/a", True)
    assert comparison.difference.reason == "the images are all of one class"


def test_partial_answers_are_compared_on_the_images_that_both_have(
    stored: StoredRuns, scorer: Scorer
) -> None:
    p, q = noisy(1.0, 0), noisy(1.0, 1)
    reference = stored.add("reference", p)
    covered = np.arange(IMAGES) % 3 > 0
    partial = stored.add("partial", q, kind="imported", only=covered)
    comparison = compare_with([reference], {"partial": [partial]}, scorer=scorer)["partial"]
    here = covered & (np.arange(IMAGES) >= VALIDATION)
    aucs = delong(TRUTH[here], np.stack([q[here], p[here]], axis=1)).aucs
    assert comparison.images == here.sum()
    assert comparison.difference.value == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    assert comparison.delong_p is None


def test_answers_without_a_common_image_cannot_be_compared(
    stored: StoredRuns, scorer: Scorer
) -> None:
    even = np.arange(IMAGES) % 4 < 2
    one = stored.add("one", noisy(1.0, 0), kind="imported", only=even)
    other = stored.add("other", noisy(1.0, 0), kind="imported", only=~even)
    comparison = compare_with([one], {"other": [other]}, scorer=scorer)["other"]
    assert (comparison.images, comparison.verdict) == (0, "n/a")
    assert comparison.difference.reason == "they have no image in common"


def test_delong_is_a_check_where_every_patient_has_one_image(
    stored: StoredRuns, scorer: Scorer
) -> None:
    p, q = noisy(1.0, 0), noisy(1.3, 1)
    reference, other = stored.add("reference", p), stored.add("other", q)
    comparison = compare_with([reference], {"other": [other]}, scorer=scorer)["other"]
    test = slice(VALIDATION, IMAGES)
    expected = delong(TRUTH[test], np.stack([q[test], p[test]], axis=1)).p_value(0, 1)
    assert comparison.delong_p == pytest.approx(expected, abs=1e-12)
    assert comparison.delong_p == pytest.approx(comparison.p, abs=0.05)


def test_delong_is_clustered_where_patients_have_several_images(
    tmp_path: Path, scorer: Scorer
) -> None:
    stored = StoredRuns(
        tmp_path,
        findings=[MASS if sick else NONE for sick in TRUTH],
        validation=VALIDATION,
        patients=[str(place // 2) for place in range(IMAGES)],
    )
    one, other = stored.add("one", noisy(1.0, 0)), stored.add("other", noisy(1.0, 1))
    comparison = compare_with([one], {"other": [other]}, scorer=scorer)["other"]
    test = slice(VALIDATION, IMAGES)
    both = np.stack([noisy(1.0, 1)[test], noisy(1.0, 0)[test]], axis=1)
    expected = delong(TRUTH[test], both, np.arange(VALIDATION, IMAGES) // 2)
    assert comparison.delong_p == pytest.approx(expected.p_value(0, 1), abs=1e-12)
    assert comparison.verdict == "cannot tell"


def test_several_runs_have_no_delong(stored: StoredRuns, scorer: Scorer) -> None:
    reference = stored.add("reference", noisy(1.0, 0))
    seeds = [stored.add("other", noisy(1.0, 1 + seed), seed=seed) for seed in range(2)]
    assert compare_with([reference], {"other": seeds}, scorer=scorer)["other"].delong_p is None


def test_other_labels_are_not_compared(tmp_path: Path, scorer: Scorer) -> None:
    sick = [MASS if label else NONE for label in TRUTH]
    relabelled = [*sick[:-1], NONE if TRUTH[-1] else MASS]
    one, other = (
        StoredRuns(tmp_path / name, findings=findings, validation=VALIDATION).add(
            name, noisy(1.0, 0)
        )
        for name, findings in (("before", sick), ("after", relabelled))
    )
    comparison = compare_with([one], {"other": [other]}, scorer=scorer)["other"]
    assert (comparison.verdict, comparison.images) == ("n/a", 0)
    assert comparison.difference.reason == "their labels differ: run the older one again"


def test_twenty_comparisons_leave_what_is_plain_plain(stored: StoredRuns, scorer: Scorer) -> None:
    # The least p that 400 resamples can count is 0.005, and 20 times that is no verdict.
    reference = stored.add("reference", noisy(0.5, 0))
    others = {str(k): [stored.add(str(k), noisy(3.0, k + 1))] for k in range(20)}
    comparison = compare_with([reference], others, scorer=scorer)
    assert {one.verdict for one in comparison.values()} == {"better"}
    alone = compare_with([reference], {"0": others["0"]}, scorer=scorer)["0"]
    assert comparison["0"].p == alone.p
    assert comparison["0"].smallest > alone.smallest


def test_tasks_of_findings_are_compared_by_macro_auc(tmp_path: Path, scorer: Scorer) -> None:
    names = ("Mass", "Nodule")
    findings = [NONE, MASS, ("Nodule",), names] * 25
    stored = StoredRuns(
        tmp_path, findings=findings, validation=20, task=make_task("findings14", names)
    )
    rng = np.random.default_rng(0)
    good = np.clip(stored.targets * 0.5 + rng.random((100, 2)) / 2, 0, 1)
    one, other = stored.add("good", good), stored.add("chance", rng.random((100, 2)))
    comparison = compare_with([one], {"chance": [other]}, scorer=scorer)["chance"]
    assert comparison.verdict == "worse"
    macro = [scorer.score(run).figures["macro_auc"].value for run in (other, one)]
    assert comparison.difference.value == pytest.approx(macro[0] - macro[1], abs=1e-12)
    assert comparison.delong_p is None


def test_a_tie_of_several_seeds_with_one_stays_a_tie(stored: StoredRuns, scorer: Scorer) -> None:
    # The mean of three equal numbers is another number in its last bits.
    p = noisy(1.0, 0)
    reference = stored.add("reference", p)
    seeds = [stored.add("other", p, seed=seed) for seed in range(3)]
    comparison = compare_with([reference], {"other": seeds}, scorer=scorer)["other"]
    assert (comparison.difference.low, comparison.difference.value, comparison.difference.high) == (
        0,
        0,
        0,
    )
    assert (comparison.p, comparison.verdict) == (1.0, "cannot tell")
