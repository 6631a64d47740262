"""Bootstrap of patients and seeds.

Images of one patient resemble each other, so patients are resampled and not images; with several
seeds, the seeds' variance is added. Everything computed on the same test images is resampled
alike: resample ``k`` has the same patients for every model, so that differences are paired.

Efron, Tibshirani: "An Introduction to the Bootstrap", 1993, chapters 8 (resampling what is
independent) and 13 (percentile intervals). The bootstrap knows no other patients than those it
was given: an interval from very few is too narrow. AUCs need no resample
(:mod:`bench.evaluate.auc`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from bench.data.study import patient_clusters
from bench.evaluate.estimate import Estimate
from bench.evaluate.resamples import Resamples
from bench.randomness import generator

RESAMPLES = 2000


class Resampling:
    """Resamples of patients that are the same for the same images, whichever model predicts."""

    def __init__(self, *, count: int = RESAMPLES, seed: int = 0) -> None:
        self.count = count
        self.seed = seed
        # By the digest of images and patients: the resamples of 25,596 images take a second.
        self._counts: dict[str, NDArray[np.uint16]] = {}

    def resample(self, *, images: ArrayLike, patients: ArrayLike) -> Resamples:
        """Resample the patients of some images.

        Args:
            images: ids, (n,), each once, in any order.
            patients: (n,), as :func:`bench.data.study.patient_clusters` takes them.
        """
        ids = np.asarray(images, object)
        order = np.argsort(ids, kind="stable")
        clusters = patient_clusters(ids, patients)[order]
        groups = pd.factorize(clusters)[0].astype(np.int64)
        lines = (f"{i}\t{cluster}\n" for i, cluster in zip(ids[order], clusters, strict=True))
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        if digest not in self._counts:
            self._counts[digest] = self._draw(digest, patients=int(groups.max()) + 1)
        counts = self._counts[digest]
        return Resamples(order=order, groups=groups, counts=counts, images=digest)

    def over_seeds(self, runs: Sequence[Estimate]) -> Estimate:
        """The mean over runs that differ in their seed alone.

        Each draw is the mean of the runs on the resample's patients plus what other seeds could
        have changed: a t variable with the standard error of the runs' values and one degree of
        freedom less than there are seeds, as for normal runs; the numbers of the seeds do not
        matter. With one seed patients alone are resampled: what another training run would give is
        then not in the interval.

        Resampling the seeds instead is far too narrow for the usual two to five: its variance is
        short by 1 / seeds, and it knows no doubt about that variance. In normal simulations
        (``tests/bench/evaluate/test_seeds.py``) where seeds vary three times as much as patients,
        its 95 % intervals of 2, 3 and 5 seeds covered 77, 86 and 90 %; these cover 97, 96 and
        95 %, and 95 to 99 % where seeds matter less.

        Args:
            runs: the estimate of each seed, at least one, all on the same images.
        """
        draws = np.mean([run.draws for run in runs], axis=0)
        values = np.array([run.value for run in runs])
        if len(runs) > 1:
            # How far the runs' own values deviate, and not their values on the resample's
            # patients: these differ by chance of the patients too, which is in the draws already.
            error = values.std(ddof=1) / math.sqrt(len(runs))
            draws = draws + error * _t(len(runs) - 1, self.count, self.seed)
        # A run without a value leaves the mean without one, and so its reason comes first.
        reasons = [run.reason for run in sorted(runs, key=lambda run: not math.isnan(run.value))]
        return Estimate(
            value=float(values.mean()),
            draws=draws,
            bounds=runs[0].bounds,
            reason=next(filter(None, reasons), ""),
            at_least=(
                float(np.mean([run.at_least[0] for run in runs])),
                float(np.mean([run.at_least[1] for run in runs])),
            ),
        )

    def _draw(self, digest: str, *, patients: int) -> NDArray[np.uint16]:
        """Random resamples of the patients: :attr:`Resamples.counts`."""
        rng = generator(self.seed, f"resampled patients {digest}")
        counts = np.ones((1 + self.count, patients), np.uint16)
        for resample in counts[1:]:
            resample[:] = np.bincount(rng.integers(patients, size=patients), minlength=patients)
        return np.ascontiguousarray(counts.T)


@lru_cache(maxsize=64)  # every figure of a row has the same seeds
def _t(df: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """The quantiles of a t distribution in random order, (resamples,)."""
    quantiles = stdtrit(df, (np.arange(resamples) + 0.5) / resamples)
    return generator(seed, f"resampled seeds {df}").permutation(quantiles)
