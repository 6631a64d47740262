"""Resampling of patients and seeds.

Efron, Tibshirani: "An Introduction to the Bootstrap", 1993, chapters 8 (drawing what is
independent) and 13 (percentile intervals). The bootstrap knows no other patients than those it
was given: an interval from very few is too narrow, and that of a perfect AUC is [1, 1].
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.estimate import Estimate
from bench.evaluate.ranking import Ranking
from bench.randomness import generator

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Some images and the resamples of their patients.

    Attributes:
        order: positions of the images in the arrays that were given, sorted by id, (n,).
        groups: the patient of each image in that order, numbered from 0, (n,).
        counts: how often each patient is in each resample, (patients, resamples).
    """

    order: NDArray[np.int64]
    groups: NDArray[np.int64]
    counts: NDArray[np.uint16]

    def auc(self, targets: ArrayLike, scores: ArrayLike) -> Estimate:
        """The AUC of one model, and in each resample of the patients.

        Args:
            targets: 0 or 1, (n,), in ``order``.
            scores: (n,), in ``order``; higher is more positive.
        """
        positive = np.asarray(targets) == 1
        ranking = Ranking.of(positive, scores)
        (value,) = ranking.auc(np.ones((len(self.counts), 1), np.uint16), groups=self.groups)
        return Estimate(
            value=float(value),
            draws=ranking.auc(self.counts, groups=self.groups),
            bounds=(0.0, 1.0),
            reason=self.without_two_classes(positive),
            freedom=max(1, min(self._patients(positive), self._patients(~positive)) - 1),
        )

    def without_two_classes(self, positive: NDArray[np.bool_]) -> str:
        """Why a figure of two classes has no interval: a class of one patient would never vary.

        Args:
            positive: (n,), in ``order``.

        Returns:
            A reason; "" where there can be one.
        """
        if positive.all() or not positive.any():
            return "the images are all of one class"
        fewest = min(self._patients(positive), self._patients(~positive))
        return "the images of a class are all of one patient" if fewest == 1 else ""

    def _patients(self, images: NDArray[np.bool_]) -> int:
        return len(np.unique(self.groups[images]))


class Resampling:
    """Draws of patients, the same for the same images, whichever model is judged on them.

    Args:
        resamples: how many.
        seed: of all draws.
    """

    def __init__(self, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self.resamples = resamples
        self.seed = seed
        # By the digest of images and patients: 25,596 images take a second to draw.
        self._drawn: dict[str, NDArray[np.uint16]] = {}

    def auc(
        self, *, images: ArrayLike, patients: ArrayLike, targets: ArrayLike, scores: ArrayLike
    ) -> Estimate:
        """The AUC of one model on some images, and in each resample of their patients.

        Args:
            images: ids, (n,), each once, in any order.
            patients: (n,); "" where unknown, which makes the image a patient of its own.
            targets: 0 or 1, (n,).
            scores: (n,); higher is more positive.
        """
        drawn = self.draw(images=images, patients=patients)
        return drawn.auc(np.asarray(targets)[drawn.order], np.asarray(scores)[drawn.order])

    def draw(self, *, images: ArrayLike, patients: ArrayLike) -> Drawn:
        """The resamples of the patients of some images.

        Args:
            images: ids, (n,), each once, in any order.
            patients: (n,); "" where unknown, which makes the image a patient of its own.
        """
        ids, who = np.asarray(images, object), np.asarray(patients, object)
        order = np.argsort(ids, kind="stable")
        # The tab keeps an image's id apart from every patient's.
        whose = np.where(who == "", "image\t" + ids, who)[order]
        groups = pd.factorize(whose)[0].astype(np.int64)
        counts = self._counts(ids[order], whose, patients=int(groups.max()) + 1)
        return Drawn(order=order, groups=groups, counts=counts)

    def over_seeds(self, by_seed: Mapping[int, Estimate]) -> Estimate:
        """The mean over the runs of one network, which differ in their seed.

        To the mean of the runs on its own patients, a draw adds what other seeds could have
        changed: their part is a t distribution with the standard error of the runs and one
        degree of freedom less than there are seeds, as for normal runs. Networks with the same
        seeds are drawn alike. With one seed only patients are drawn: what another training run
        would give is then not in the interval.

        Drawing seeds with replacement instead is far too narrow for the usual two to five: its
        variance is short by 1 / seeds, and it knows no doubt about that variance. In normal
        simulations (``tests/bench/evaluate/test_seeds.py``) where seeds vary three times as much as
        patients, 95 % intervals of 2, 3 and 5 seeds covered 77, 86 and 90 %; these cover 97, 96
        and 95 %, and 95 to 99 % where seeds matter less.

        Args:
            by_seed: at least one, on the same images.
        """
        seeds = sorted(by_seed)
        draws = np.mean([by_seed[seed].draws for seed in seeds], axis=0)
        values = np.array([by_seed[seed].value for seed in seeds])
        if len(seeds) > 1:
            # Not the runs on the draw's patients: that they differ by chance of the patients is
            # in the values already, and would be counted thrice.
            draws = draws + self._deviations(seeds) @ values
        return Estimate(
            value=float(values.mean()),
            draws=draws,
            bounds=by_seed[seeds[0]].bounds,
            reason=next((by_seed[seed].reason for seed in seeds if by_seed[seed].reason), ""),
            freedom=min(
                *(by_seed[seed].freedom for seed in seeds),
                len(seeds) - 1 if len(seeds) > 1 else math.inf,
            ),
        )

    def _deviations(self, seeds: list[int]) -> NDArray[np.float64]:
        """What each draw adds of each seed's value, (resamples, seeds); rows sum to zero.

        For values with the standard deviation s among n seeds the sum is s / sqrt(n) times a t
        variable with n - 1 degrees of freedom.
        """
        n = len(seeds)
        rng = generator(self.seed, f"resampled seeds {seeds}")
        normal = rng.standard_normal((self.resamples, n))
        chi_square = rng.chisquare(n - 1, self.resamples)
        centred = normal - normal.mean(axis=1, keepdims=True)
        return np.asarray(centred / np.sqrt(n * chi_square)[:, None])

    def _counts(
        self, images: NDArray[np.object_], whose: NDArray[np.object_], *, patients: int
    ) -> NDArray[np.uint16]:
        """How often each patient is in each resample, (patients, resamples)."""
        lines = (f"{image}\t{one}\n" for image, one in zip(images, whose, strict=True))
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        if digest not in self._drawn:
            rng = generator(self.seed, f"resampled patients {digest}")
            counts = np.empty((self.resamples, patients), np.uint16)
            for resample in counts:
                drawn = rng.integers(patients, size=patients)
                resample[:] = np.bincount(drawn, minlength=patients)
            self._drawn[digest] = np.ascontiguousarray(counts.T)
        return self._drawn[digest]
