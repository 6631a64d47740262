"""The synthetic cohort: patients, their visits, and the findings of each visit.

Nothing here is fitted to people. The shape follows what is published about ChestX-ray14:
skewed numbers of images per patient and of findings, sicker patients imaged more often, older
and more often lying down (AP). The strengths of these links are ours.

Labels are noisy on purpose. With probability ``MISSED`` one finding of an abnormal image is not
reported; with probability ``INVENTED`` a normal image is reported with a finding that it does not
show. A reader who sees everything that is shown would have an AUC of about 0.97 for "abnormal"
against the reports.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Literal

import numpy as np

from bench.data.phantom.seeding import Purpose, generator
from bench.data.study import NIH_FINDINGS

MISSED = 0.05
INVENTED = 0.03

# Images per finding in ChestX-ray14 (`Data_Entry_2017_v2020.csv`), in the order of NIH_FINDINGS.
NIH_COUNTS = (11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227)
# Tempered, so that the rarest finding (Hernia) still occurs in a cohort of 2,000 images.
FREQUENCIES = np.asarray(NIH_COUNTS, dtype=np.float64) ** 0.6
FREQUENCIES /= FREQUENCIES.sum()
NUMBER_OF_FINDINGS = (0.60, 0.25, 0.11, 0.04)  # probability of 1, 2, 3, 4 in an abnormal image
PERSISTENCE = 12.0  # how many times likelier a finding of the previous visit is at this one

TEST_SHARE = 0.228  # 25,596 of 112,120 images are in NIH's official test list
MOST_VISITS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One image of one synthetic patient."""

    patient: int  # number of the patient, from 1
    follow_up: int  # how many earlier images the patient has
    view: Literal["PA", "AP"]  # "PA" (standing) or "AP" (lying)
    sex: Literal["F", "M"]
    age: int
    shown: tuple[str, ...]  # findings that the image shows, sorted
    reported: tuple[str, ...]  # findings in the label, sorted (see the module's label noise)
    split: Literal["train_validation", "test"]  # the given split, by patient

    @property
    def image(self) -> str:
        """The image id in NIH's form, ``00000012_003.png``."""
        return f"{self.patient:08d}_{self.follow_up:03d}.png"

    @property
    def patient_id(self) -> str:
        """The patient as NIH's label file names them, ``12``."""
        return str(self.patient)


def draw_cohort(*, images: int, seed: int) -> list[Visit]:
    """The first ``images`` visits of the cohort with that seed, patient by patient.

    A shorter cohort is the beginning of a longer one.
    """
    visits = (visit for patient in count(1) for visit in draw_patient(seed, patient))
    return list(islice(visits, images))


def draw_patient(seed: int, patient: int) -> Iterator[Visit]:
    """All visits of one patient, in order of time."""
    rng = generator(seed, Purpose.PATIENT, patient)
    illness = rng.normal()
    visits = 1 + min(MOST_VISITS - 1, int(math.exp(rng.normal(0.35 + 0.5 * illness, 1.1))))
    sex: Literal["F", "M"] = "F" if rng.random() < 0.435 else "M"
    age = min(92.0, max(4.0, rng.normal(46.0 + 5.0 * illness, 16.0)))
    split: Literal["train_validation", "test"] = (
        "test" if rng.random() < TEST_SHARE else "train_validation"
    )
    before: tuple[int, ...] = ()
    for follow_up in range(visits):
        abnormal = rng.random() < _logistic(-0.78 + 0.85 * illness + (0.9 if before else 0.0))
        shown = _draw_findings(rng, before) if abnormal else ()
        lying = rng.random() < _logistic(-0.85 + 0.35 * illness + 0.5 * abnormal)
        reported = _report(rng, shown)
        yield Visit(
            patient=patient,
            follow_up=follow_up,
            view="AP" if lying else "PA",
            sex=sex,
            age=int(age),
            shown=_names(shown),
            reported=_names(reported),
            split=split,
        )
        age = min(95.0, age + rng.exponential(0.4))
        before = shown


def _draw_findings(rng: np.random.Generator, before: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of the findings of an abnormal image, given those of the visit before."""
    weights = FREQUENCIES.copy()
    weights[list(before)] *= PERSISTENCE
    number = 1 + int(np.searchsorted(np.cumsum(NUMBER_OF_FINDINGS)[:-1], rng.random()))
    chosen = rng.choice(len(weights), size=number, replace=False, p=weights / weights.sum())
    return tuple(int(finding) for finding in chosen)


def _report(rng: np.random.Generator, shown: tuple[int, ...]) -> tuple[int, ...]:
    """Findings in the label of an image: mostly those that it shows."""
    luck = rng.random()
    if shown:
        return shown[1:] if luck < MISSED else shown
    if luck < INVENTED:
        return (int(rng.choice(len(FREQUENCIES), p=FREQUENCIES)),)
    return ()


def _names(findings: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(sorted(NIH_FINDINGS[finding] for finding in findings))


def _logistic(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))
