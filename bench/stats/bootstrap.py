"""Resampling of patients and seeds.

Efron, Tibshirani: "An Introduction to the Bootstrap", 1993, chapters 8 (drawing what is
independent) and 13 (percentile intervals). The bootstrap knows no other patients and seeds than
those it was given: an interval from very few is too narrow, and that of a perfect AUC is [1, 1].
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.randomness import generator
from bench.stats.estimate import Estimate
from bench.stats.ranking import Ranking

RESAMPLES = 2000


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
        ids, who = np.asarray(images, object), np.asarray(patients, object)
        order = np.argsort(ids, kind="stable")
        # The tab keeps an image's id apart from every patient's.
        whose = np.where(who == "", "image\t" + ids, who)[order]
        groups = pd.factorize(whose)[0].astype(np.int64)
        count = int(groups.max()) + 1
        ranking = Ranking.of(np.asarray(targets)[order], np.asarray(scores, np.float64)[order])
        (value,) = ranking.auc(np.ones((count, 1), np.uint16), groups=groups)
        reason = _why_not(ranking, groups)
        draws = (
            np.full(self.resamples, np.nan)
            if reason
            else ranking.auc(self._counts(ids[order], whose, patients=count), groups=groups)
        )
        return Estimate(value=float(value), draws=draws, reason=reason)

    def over_seeds(self, by_seed: Mapping[int, Estimate]) -> Estimate:
        """The mean over the runs of one network, which differ in their seed.

        A draw takes as many seeds as there are, with replacement, and what each came to with the
        draw's patients. Networks with the same seeds are drawn alike. With one seed only
        patients are drawn: what another training run would give is then not in the interval.

        Args:
            by_seed: at least one, on the same images.
        """
        seeds = sorted(by_seed)
        rng = generator(self.seed, f"resampled seeds {seeds}")
        evenly = np.full(len(seeds), 1.0 / len(seeds))
        counts = rng.multinomial(len(seeds), evenly, size=self.resamples)
        draws = np.stack([by_seed[seed].draws for seed in seeds], axis=1)
        return Estimate(
            value=float(np.mean([by_seed[seed].value for seed in seeds])),
            draws=(counts * draws).sum(axis=1) / len(seeds),
            reason=next((by_seed[seed].reason for seed in seeds if by_seed[seed].reason), ""),
        )

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


def _why_not(ranking: Ranking, groups: NDArray[np.int64]) -> str:
    """Why there can be no interval: a class of one patient would never vary."""
    if ranking.one_class:
        return "the images are all of one class"
    of_class = [len(np.unique(groups[each])) for each in (ranking.negatives, ranking.positives)]
    return "the images of a class are all of one patient" if min(of_class) == 1 else ""
