"""Rows compared with a reference, on cases that can be worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.tasks import make_task
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.comparison import Comparison, Verdict, compare_with
from bench.evaluate.delong import auc
from bench.evaluate.load import load_results
from bench.evaluate.scorer import Scorer
from bench.runs.run import Run
from tests.bench.evaluate.stored_runs import StoredRuns

NONE: tuple[str, ...] = ()
MASS = ("Mass",)
IMAGES = 400
VALIDATION = 100
TEST = slice(VALIDATION, IMAGES)
TRUTH = np.arange(IMAGES) % 2
FINDINGS = [MASS if sick else NONE for sick in TRUTH]


def noisy(shift: float, seed: int) -> NDArray[np.float64]:
    """Probabilities whose normal scores are ``shift`` apart between the classes."""
    scores = TRUTH * shift + np.random.default_rng(seed).normal(size=IMAGES)
    return 1 / (1 + np.exp(-scores))


@pytest.fixture
def stored(tmp_path: Path) -> StoredRuns:
    return StoredRuns(tmp_path, findings=FINDINGS, validation=VALIDATION)


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(Resampling(count=400))


def compared(reference: Run, *row: Run, scorer: Scorer, margin: float = 0.01) -> Comparison:
    """The comparison of a row's runs with the reference."""
    (comparison,) = compare_with([reference], [row], margin=margin, scorer=scorer)
    return comparison


def files(
    root: Path, *, images: int, seeds: int = 0, shift: float = 0.0
) -> tuple[list[Run], list[Run]]:
    """Two nearly equal predictors: files without a seed, or networks of some seeds."""
    rng = np.random.default_rng(0)
    truth = rng.random(images) < 0.4
    stored = StoredRuns(root, findings=[MASS if sick else NONE for sick in truth], validation=0)
    shared = 1.5 * truth + rng.normal(size=images)
    sides = []
    for name, own in (("reference", 0.0), ("other", shift)):
        sides.append(
            [
                stored.add(
                    name,
                    1 / (1 + np.exp(-shared - own * truth - 0.1 * rng.normal(size=images))),
                    seed=seed,
                    **({} if seeds else {"kind": "imported", "only": np.ones(images, bool)}),
                )
                for seed in range(seeds or 1)
            ]
        )
    return sides[0], sides[1]


def stored_verdicts(root: Path, *, margin: float | None = None) -> list[Verdict]:
    """The verdicts of a report on all that is stored."""
    results = load_results(root, scorer=Scorer(Resampling(count=20)), margin=margin)
    (table,) = results.tables
    return [row.comparison.verdict for row in table.rows if row.comparison]


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_tie_stays_a_tie(stored: StoredRuns, scorer: Scorer, seeds: int) -> None:
    # The mean of three equal numbers is another number in its last bits.
    p = noisy(1.0, 0)
    reference = stored.add("reference", p)
    runs = [stored.add("other", p, seed=seed) for seed in range(seeds)]
    comparison = compared(reference, *runs, scorer=scorer)
    difference = comparison.difference
    assert (difference.low, difference.value, difference.high) == (0, 0, 0)
    assert (comparison.p, comparison.p_holm, comparison.verdict) == (1.0, 1.0, "cannot tell")
    assert comparison.images == IMAGES - VALIDATION


@pytest.mark.parametrize(("images", "verdict"), [(22_433, "equivalent"), (60, "cannot tell")])
def test_nearly_equal_files_are_equivalent_where_images_are_many(
    tmp_path: Path, images: int, verdict: Verdict
) -> None:
    files(tmp_path, images=images)
    assert stored_verdicts(tmp_path) == [verdict]


def test_equivalent_comes_before_better_and_the_margin_decides(
    tmp_path: Path, scorer: Scorer
) -> None:
    reference, other = files(tmp_path, images=5000, shift=0.05)
    within, beyond = (
        compared(*reference, *other, scorer=scorer, margin=margin) for margin in (0.02, 0.001)
    )
    assert within.p_holm < 0.05
    assert (within.verdict, beyond.verdict) == ("equivalent", "better")
    assert beyond.p_not_worse < 0.05 < beyond.p_equivalent


@pytest.mark.parametrize(("shift", "verdict"), [(1.0, "differs"), (0.0, "cannot tell")])
def test_one_seed_of_each_network_is_neither_better_nor_worse_nor_equivalent(
    tmp_path: Path, scorer: Scorer, shift: float, verdict: Verdict
) -> None:
    reference, other = files(tmp_path, images=5000, seeds=1, shift=shift)
    comparison = compared(*reference, *other, scorer=scorer, margin=0.3)
    assert comparison.verdict == verdict
    assert stored_verdicts(tmp_path, margin=0.3) == [verdict]
    assert math.isnan(comparison.p_equivalent)
    assert math.isnan(comparison.p_not_worse)


def test_verdicts_and_p_corrected_for_the_number_of_comparisons(
    stored: StoredRuns, scorer: Scorer
) -> None:
    reference = stored.add("reference", noisy(1.0, 0))
    shifts = {"far better": 3.0, "chance": 0.0, "alike": 1.0, "more alike": 1.2}
    others = [
        stored.add(name, noisy(shift, seed)) for seed, (name, shift) in enumerate(shifts.items(), 1)
    ]
    found = compare_with([reference], [[run] for run in others], scorer=scorer)
    verdicts = ["differs", "differs", "cannot tell", "cannot tell"]
    assert [comparison.verdict for comparison in found] == verdicts
    base = scorer.leading(reference).auc.value
    for run, comparison in zip(others, found, strict=True):
        difference = comparison.difference
        value = scorer.leading(run).auc.value
        assert difference.value == pytest.approx(value - base, abs=1e-12)
        assert difference.low < difference.value < difference.high
        assert comparison.smallest > 0
    running = 0.0
    for rank, (p, corrected) in enumerate(sorted((each.p, each.p_holm) for each in found)):
        running = max(running, min(1.0, (4 - rank) * p))
        assert corrected == pytest.approx(running)


def test_a_row_of_one_class_cannot_be_compared(tmp_path: Path, scorer: Scorer) -> None:
    stored = StoredRuns(tmp_path, findings=[NONE, MASS, NONE, NONE, NONE], validation=2)
    reference = stored.add("reference", np.array([0.1, 0.9, 0.2, 0.3, 0.4]))
    other = stored.add("other", np.array([0.1, 0.9, 0.2, 0.3, 0.5]))
    comparison = compared(reference, other, scorer=scorer)
    assert (comparison.verdict, math.isnan(comparison.p)) == ("n/a", True)
    assert comparison.difference.reason == "the images are all of one class"


def test_partial_answers_are_compared_on_the_images_that_both_have(
    stored: StoredRuns, scorer: Scorer
) -> None:
    p, q = noisy(1.0, 0), noisy(1.0, 1)
    covered = np.arange(IMAGES) % 3 > 0
    partial = stored.add("partial", q, kind="imported", only=covered)
    comparison = compared(stored.add("reference", p), partial, scorer=scorer)
    here = covered & (np.arange(IMAGES) >= VALIDATION)
    values = [auc(TRUTH[here] == 1, each[here], np.arange(here.sum())).value for each in (q, p)]
    assert comparison.images == here.sum()
    assert comparison.difference.value == pytest.approx(values[0] - values[1], abs=1e-12)


def test_without_a_common_image_or_with_other_labels_nothing_is_compared(
    stored: StoredRuns, tmp_path: Path, scorer: Scorer
) -> None:
    even = np.arange(IMAGES) % 4 < 2
    reference, other = (
        stored.add(name, noisy(1.0, 0), kind="imported", only=only)
        for name, only in (("reference", even), ("other", ~even))
    )
    comparison = compared(reference, other, scorer=scorer)
    assert (comparison.images, comparison.verdict) == (0, "n/a")
    assert comparison.difference.reason == "they have no image in common"

    relabelled = StoredRuns(
        tmp_path / "after",
        findings=[*FINDINGS[:-1], NONE if TRUTH[-1] else MASS],
        validation=VALIDATION,
    )
    before, after = (runs.add("net", noisy(1.0, 0)) for runs in (stored, relabelled))
    comparison = compared(before, after, scorer=scorer)
    assert (comparison.images, comparison.verdict) == (0, "n/a")
    assert comparison.difference.reason == "their labels differ: run the older one again"


def test_twenty_comparisons_leave_what_is_plain_plain(stored: StoredRuns, scorer: Scorer) -> None:
    reference = stored.add("reference", noisy(0.5, 0))
    others = [[stored.add(str(k), noisy(3.0, k + 1))] for k in range(20)]
    comparisons = compare_with([reference], others, scorer=scorer)
    assert {comparison.verdict for comparison in comparisons} == {"differs"}
    alone = compared(reference, *others[0], scorer=scorer)
    assert comparisons[0].p == alone.p
    assert comparisons[0].smallest > alone.smallest


def test_tasks_of_findings_are_compared_by_macro_auc(tmp_path: Path, scorer: Scorer) -> None:
    names = ("Mass", "Nodule")
    findings = [NONE, MASS, ("Nodule",), names] * 25
    stored = StoredRuns(
        tmp_path, findings=findings, validation=20, task=make_task("findings14", names)
    )
    rng = np.random.default_rng(0)
    good = np.clip(stored.targets * 0.5 + rng.random((100, 2)) / 2, 0, 1)
    reference, other = stored.add("good", good), stored.add("chance", rng.random((100, 2)))
    comparison = compared(reference, other, scorer=scorer)
    assert comparison.verdict == "differs"
    macro = [scorer.score(run).figures["macro_auc"].value for run in (other, reference)]
    assert comparison.difference.value == pytest.approx(macro[0] - macro[1], abs=1e-12)
