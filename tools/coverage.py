"""Coverage of 95 % intervals of AUC and of its differences, in simulated studies.

    python -m tools.coverage        # half an hour on one core

It prints the two tables of docs/coverage.md. Every scenario has three networks of five runs each on
the same test patients. Two have the same true AUC; the third's is lower. Scores are normal in
either class. What they share of their variance: all runs 50 %, the runs of a network 30 %; 20 % is
a run's own. Seeds also change how far the classes are apart. A patient has one image, or 1 to 150
of which half of the variance is shared.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bench.evaluate.auc import Auc, difference
from bench.evaluate.delong import auc
from bench.evaluate.estimate import Interval
from bench.evaluate.seeds import Runs, pooled

PATIENTS, PREVALENCES, SEEDS = (100, 500, 4000), (0.02, 0.10, 0.45), (1, 3, 5)
LOWER = {0.7: 0.65, 0.8: 0.75, 0.9: 0.87, 0.99: 0.97}
"""True AUC of the first two networks, and of the third."""
# Standard deviation of the distance of the classes over seeds: of an AUC of 0.9 it is 0.0075.
OF_SEEDS = 0.06
OF_ALL, OF_NETWORK = 0.5, 0.3
# Within a patient: correlation of labels, and share of a score's variance.
OF_LABELS, OF_PATIENT = 0.3, 0.5


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of study.

    Attributes:
        patients: number of them.
        prevalence: share of positive images.
        auc: true AUC of the first two networks.
        clustered: whether patients have 1 to 150 images each, and not one.
    """

    patients: int
    prevalence: float
    auc: float
    clustered: bool

    @property
    def distance(self) -> NDArray[np.float64]:
        """Mean distance of the classes, for each network."""
        means = np.array([self.auc, self.auc, LOWER[self.auc]])
        return np.asarray(math.sqrt(2.0 + OF_SEEDS**2) * ndtri(means))


@dataclass(frozen=True, kw_only=True)
class Study:
    """Findings of one study.

    Attributes:
        aucs: of each run, three networks by five seeds.
        true: AUC of each run for all patients, (3, 5).
    """

    aucs: list[list[Auc]]
    true: NDArray[np.float64]

    def networks(self, seeds: int) -> list[Auc]:
        """The networks of a table with so many seeds."""
        rows = [Runs.of(runs[:seeds]) for runs in self.aucs]
        return [row.auc(spread) for row, spread in zip(rows, pooled(rows), strict=True)]


def simulate(scenario: Scenario, rng: np.random.Generator) -> Study:
    """One study of a scenario."""
    groups, positive = _images(scenario, rng)
    distances = scenario.distance[:, None] + rng.normal(0.0, OF_SEEDS, (3, max(SEEDS)))

    def noise(*shape: int) -> NDArray[np.float64]:
        own = rng.standard_normal((*shape, len(groups)))
        if not scenario.clustered:
            return own
        patients = rng.standard_normal((*shape, scenario.patients))[..., groups]
        return np.asarray(math.sqrt(OF_PATIENT) * patients + math.sqrt(1.0 - OF_PATIENT) * own)

    scores = math.sqrt(OF_ALL) * noise(1, 1) + math.sqrt(OF_NETWORK) * noise(3, 1)
    scores = scores + math.sqrt(1.0 - OF_ALL - OF_NETWORK) * noise(3, max(SEEDS))
    scores += distances[..., None] * positive
    return Study(
        aucs=[[auc(positive, run, groups) for run in runs] for runs in scores],
        true=np.asarray(ndtr(distances / math.sqrt(2.0))),
    )


def _images(
    scenario: Scenario, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The patient of each image, and whether it is positive."""
    groups = np.arange(scenario.patients)
    if not scenario.clustered:
        return groups, groups < round(scenario.prevalence * scenario.patients)
    images = np.minimum(150, rng.pareto(1.2, scenario.patients) + 1).astype(int)
    groups = np.repeat(groups, images)
    strength = (1.0 - OF_LABELS) / OF_LABELS
    ill = rng.beta(
        scenario.prevalence * strength, (1.0 - scenario.prevalence) * strength, scenario.patients
    )
    return groups, rng.random(len(groups)) < ill[groups]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Share of intervals that held the truth, in percent.

    Attributes:
        auc: of the first network.
        equal, lower: of its difference to the second network, and to the third.
        width: mean width of the intervals of ``auc`` and ``equal``.
        patients: median number of patients of the rarer class.
        studies: those with two patients of either class.
    """

    auc: float
    equal: float
    lower: float
    width: tuple[float, float]
    patients: int
    studies: int


def measure(scenario: Scenario, *, studies: int, seed: int = 0) -> dict[int, Coverage]:
    """The coverage in a scenario, by the number of seeds.

    With one seed the truth is that of the very run; with several it is the mean over all seeds.
    """
    rng = np.random.default_rng([seed, scenario.patients, round(1000 * scenario.auc)])
    found = [simulate(scenario, rng) for _ in range(studies)]
    found = [study for study in found if not study.aucs[0][0].reason]
    means = ndtr(scenario.distance / math.sqrt(2.0 + OF_SEEDS**2))
    return {
        seeds: _covered(
            [(study.networks(seeds), study.true[:, 0] if seeds == 1 else means) for study in found]
        )
        for seeds in SEEDS
    }


def _covered(studies: list[tuple[list[Auc], NDArray[np.float64]]]) -> Coverage:
    hits, widths = np.zeros(3), np.zeros(2)
    for networks, true in studies:
        intervals = [
            networks[0].interval(),
            *(difference(networks[0], other).interval() for other in networks[1:]),
        ]
        truths = [true[0], true[0] - true[1], true[0] - true[2]]
        hits += [_holds(*pair) for pair in zip(intervals, truths, strict=True)]
        widths += [each.high - each.low for each in intervals[:2]]
    percent, mean = 100.0 * hits / len(studies), widths / len(studies)
    return Coverage(
        auc=float(percent[0]),
        equal=float(percent[1]),
        lower=float(percent[2]),
        width=(float(mean[0]), float(mean[1])),
        patients=int(np.median([networks[0].patients for networks, _ in studies])),
        studies=len(studies),
    )


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def scenarios() -> Iterator[Scenario]:
    """The grid that the page shows."""
    for clustered in (False, True):
        for patients in PATIENTS:
            for prevalence in PREVALENCES:
                for value in (0.7, 0.9, 0.99):
                    yield Scenario(
                        patients=patients, prevalence=prevalence, auc=value, clustered=clustered
                    )


def tables(studies: int) -> Iterator[str]:
    """The lines of the two tables."""
    for clustered in (False, True):
        yield f"\n## {'1 to 150 images' if clustered else 'One image'} a patient\n"
        yield (
            "| patients | prevalence | rarer class | AUC | studies | "
            + " | ".join(
                f"AUC, {seeds} {'seed' if seeds == 1 else 'seeds'} | equal | lower"
                for seeds in SEEDS
            )
            + " | width: AUC | equal |"
        )
        yield "|" + "--:|" * (7 + 3 * len(SEEDS))
        for scenario in scenarios():
            if scenario.clustered == clustered:
                yield _line(scenario, measure(scenario, studies=_studies(scenario, studies)))


def _studies(scenario: Scenario, studies: int) -> int:
    """A study of many images takes a second."""
    return studies // 2 if scenario.clustered and scenario.patients == max(PATIENTS) else studies


def _line(scenario: Scenario, found: dict[int, Coverage]) -> str:
    first = found[SEEDS[0]]
    cells = [
        f"{scenario.patients:,}",
        f"{scenario.prevalence:.0%}".replace("%", " %"),
        str(first.patients),
        f"{scenario.auc}",
        f"{first.studies:,}",
        *(f"{v:.1f}" for each in found.values() for v in (each.auc, each.equal, each.lower)),
        *(f"{width:.3f}" for width in first.width),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=800, help="in each scenario")
    for line in tables(parser.parse_args().studies):
        print(line, flush=True)


if __name__ == "__main__":
    main()
