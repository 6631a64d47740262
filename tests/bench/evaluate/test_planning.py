"""Plans against worked examples, limits that are known, and simulated comparisons."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit
from scipy.stats import norm

from bench.data.study import study_rows
from bench.data.tasks import make_task
from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.planning import (
    POWER,
    Assumptions,
    Classes,
    PartCounts,
    Plan,
    Side,
    auc_variance,
    count_part,
)


def part(positives: int, negatives: int, *, images: int = 1) -> PartCounts:
    """A test part of patients with as many images each, all of one class."""
    sides = [
        Side(images=images * patients, patients=patients, cluster=float(images))
        for patients in (positives, negatives)
    ]
    return PartCounts(
        images=images * (positives + negatives),
        patients=positives + negatives,
        classes=(Classes(name="abnormal", positive=sides[0], negative=sides[1]),),
    )


def plan(counts: PartCounts, *, comparisons: int = 1, networks: int = 2, **assumed: float) -> Plan:
    return Plan(
        part=counts,
        comparisons=comparisons,
        networks=networks,
        seeds=5,
        margin=0.01,
        assumptions=Assumptions(**assumed),
    )


def test_hanley_and_mcneils_own_example() -> None:
    """58 normal and 51 abnormal images, AUC 0.893: standard error 0.032, from observed ranks."""
    error = math.sqrt(auc_variance(0.893, positives=51, negatives=58))
    assert error == pytest.approx(0.032, abs=0.001)


def test_images_and_patients_of_each_class_are_counted() -> None:
    rows = study_rows(
        {
            "image": list("abcdefg"),
            "patient": ["1", "1", "1", "2", "2", "", ""],
            "findings": [("Mass",), ("Mass",), (), (), (), (), ("Hernia", "Mass")],
        }
    )
    two = count_part(rows, make_task("m1"))
    assert (two.images, two.patients) == (7, 4)
    (abnormal,) = two.classes
    assert abnormal.name == "abnormal"
    assert abnormal.positive == Side(images=3, patients=2, cluster=5 / 3)
    assert abnormal.negative == Side(images=4, patients=3, cluster=6 / 4)
    assert abnormal.rarer_patients == 2
    # A finding that no image has, such as Edema, has no AUC.
    findings = count_part(rows, make_task("findings14")).classes
    assert [each.name for each in findings] == ["Mass", "Hernia"]
    assert findings[1].positive == Side(images=1, patients=1, cluster=1.0)


def test_a_class_counts_as_its_independent_images() -> None:
    side = Side(images=300, patients=100, cluster=3.0)
    assert side.independent(0.0) == 300.0
    assert side.independent(0.5) == 150.0
    assert side.independent(1.0) == 100.0


def test_many_patients_and_no_spread_of_seeds_give_the_normal_formula() -> None:
    """(z(0.975) + z(0.8)) standard errors, of independent images and one comparison."""
    counts = part(50_000, 50_000)
    error = math.sqrt(auc_variance(0.85, positives=50_000, negatives=50_000))
    found = plan(counts, seed_deviation=0.0, correlation=0.5).smallest_difference(3)
    assert found == pytest.approx((ndtri(0.975) + ndtri(0.8)) * error, rel=1e-3)


def test_seeds_alone_give_the_t_distribution_of_all_networks() -> None:
    """Spread 0.01 and no doubt from patients: 2 networks of 3 seeds have 4 degrees of freedom."""
    found = plan(part(10**9, 10**9)).smallest_difference(3)
    error = 0.01 * math.sqrt(2 / 3)
    assert found == pytest.approx(error * (stdtrit(4, 0.975) + stdtrit(4, 0.8)), rel=0.02)
    pooled = plan(part(10**9, 10**9), networks=24).smallest_difference(3)
    assert pooled == pytest.approx(error * (stdtrit(48, 0.975) + stdtrit(48, 0.8)), rel=0.02)


def test_one_seed_shows_nothing() -> None:
    of_one = plan(part(5_000, 5_000))
    assert math.isnan(of_one.smallest_difference(1))
    assert of_one.power_of_equivalence(1) == 0.0


def test_the_seeds_that_a_margin_wants_are_the_fewest() -> None:
    enough = plan(part(20_000, 20_000))
    seeds = enough.seeds_for_margin
    assert seeds is not None
    assert enough.patients_for_margin is None
    assert enough.power_of_equivalence(seeds) >= POWER > enough.power_of_equivalence(seeds - 1)
    # By the normal formula: 1.645 + 1.282 standard errors make the margin.
    error = 0.01 / (ndtri(0.95) + ndtri(0.9))
    patients = auc_variance(0.85, positives=20_000, negatives=20_000)
    assert seeds == pytest.approx(2 * 0.01**2 / (error**2 - patients), abs=2)


def test_a_test_part_that_is_too_small_for_any_number_of_seeds_says_how_large_one_must_be() -> None:
    small = plan(part(300, 300))
    assert small.seeds_for_margin is None
    assert small.patients_for_margin is not None
    patients, seeds = small.patients_for_margin
    large = plan(part(patients // 2, patients // 2))
    assert large.power_of_equivalence(seeds) == pytest.approx(POWER, abs=0.02)
    assert plan(part(patients // 5, patients // 5)).seeds_for_margin is None


class Scenario(NamedTuple):
    """Two networks on made-up patients, in a table with others."""

    patients: tuple[int, int]
    images: int
    within_patient: float
    seeds: int
    comparisons: int
    networks: int


SCENARIOS = (
    Scenario((100, 200), 1, 0.0, 5, 1, 2),
    Scenario((150, 150), 4, 0.4, 3, 8, 6),
    Scenario((1000, 1000), 1, 0.0, 3, 20, 14),
)
AUC, SPREAD = 0.85, 0.01
# Scores that correlate by this between networks have AUCs that do by 0.5 where AUC is 0.85.
SCORES_CORRELATE = 0.57


def separation(auc: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of the means of two normal classes with this AUC."""
    return np.asarray(math.sqrt(2.0) * norm.ppf(auc))


def placements(
    of: NDArray[np.float64], among: NDArray[np.float64], *, above: bool
) -> NDArray[np.float64]:
    """Share of the other class that each image of one is in the right order with."""
    below = np.searchsorted(np.sort(among), of) / len(among)
    return below if above else 1.0 - below


def shown(scenario: Scenario, difference: float, rng: np.random.Generator) -> bool:
    """Whether one simulated comparison finds a difference.

    Scores are normal in each class and correlated between the networks and within patients. Seeds
    of one network differ in the classes' distance alone. The test is DeLong's for clustered images
    (Obuchowski), with the seeds' variance pooled over all networks.
    """
    patients, first = sum(scenario.patients), scenario.patients[0]
    shape = (patients, scenario.images)

    def noise() -> NDArray[np.float64]:
        of_patient, own = rng.standard_normal((patients, 1)), rng.standard_normal(shape)
        shared = scenario.within_patient
        return np.asarray(math.sqrt(shared) * of_patient + math.sqrt(1 - shared) * own)

    common, rows, squares = noise(), [], 0.0
    df = scenario.seeds - 1
    for true in (AUC + difference / 2, AUC - difference / 2):
        scores = math.sqrt(SCORES_CORRELATE) * common + math.sqrt(1 - SCORES_CORRELATE) * noise()
        runs = []
        for distance in separation(true + SPREAD * rng.standard_normal(scenario.seeds)):
            positive, negative = scores[:first] + distance, scores[first:]
            of_positive = placements(positive, negative.ravel(), above=True)
            runs.append([of_positive, placements(negative, positive.ravel(), above=False)])
        squares += df * np.var([positive.mean() for positive, _ in runs], ddof=1)
        rows.append([np.mean(of_class, axis=0) for of_class in zip(*runs, strict=True)])
    found = rows[0][0].mean() - rows[1][0].mean()
    of_patients = 0.0
    for row, reference in zip(*rows, strict=True):
        each = (row - reference).mean(axis=1)  # of every patient
        of_patients += each.var(ddof=1) / len(each)
    others = (scenario.networks - 2) * df
    squares += SPREAD**2 * rng.chisquare(others) if others else 0.0
    seeds_df = scenario.networks * df
    of_seeds = 2 * squares / seeds_df / scenario.seeds
    satterthwaite = (of_patients + of_seeds) ** 2 / (
        of_patients**2 / (min(scenario.patients) - 1) + of_seeds**2 / seeds_df
    )
    statistic = abs(found) / math.sqrt(of_patients + of_seeds)
    return bool(statistic > stdtrit(satterthwaite, 1 - SIGNIFICANCE / 2 / scenario.comparisons))


def simulated_smallest(scenario: Scenario, around: float, *, simulations: int) -> float:
    """Difference that is shown with ``POWER``, by a line through the probits of powers."""
    rng = np.random.default_rng(0)
    differences = around * np.array([0.75, 1.0, 1.25])
    powers = [
        np.mean([shown(scenario, difference, rng) for _ in range(simulations)])
        for difference in differences
    ]
    slope, start = np.polyfit(differences, ndtri(np.clip(powers, 0.005, 0.995)), 1)
    return float((ndtri(POWER) - start) / slope)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_simulated_comparisons_show_what_was_planned(scenario: Scenario) -> None:
    planned = plan(
        part(*scenario.patients, images=scenario.images),
        comparisons=scenario.comparisons,
        networks=scenario.networks,
        within_patient=scenario.within_patient,
    ).smallest_difference(scenario.seeds)
    simulated = simulated_smallest(scenario, planned, simulations=200)
    assert planned == pytest.approx(simulated, rel=0.2)
