"""The AUC of one model in many resamples at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Resamples summed at once: for 25,596 images some 6 MiB, which stay near the processor.
CHUNK = 32


@dataclass(frozen=True)
class Ranking:
    """How a model's scores rank the images; worked out once for all resamples.

    Attributes:
        negatives: positions of the negative images by rising score.
        positives: positions of the positive images by rising score.
        below: for each positive, how many negatives are scored lower.
        not_above: for each positive, how many negatives are scored lower or the same.
    """

    negatives: NDArray[np.int64]
    positives: NDArray[np.int64]
    below: NDArray[np.int64]
    not_above: NDArray[np.int64]

    @classmethod
    def of(cls, targets: ArrayLike, scores: ArrayLike) -> Ranking:
        """Rank some images.

        Args:
            targets: 0 or 1, (n,).
            scores: numbers, (n,); higher is more positive.
        """
        positive, s = np.asarray(targets) == 1, np.asarray(scores, dtype=np.float64)
        order = np.argsort(s, kind="stable")
        negatives, positives = order[~positive[order]], order[positive[order]]
        return cls(
            negatives=negatives,
            positives=positives,
            below=np.searchsorted(s[negatives], s[positives], side="left"),
            not_above=np.searchsorted(s[negatives], s[positives], side="right"),
        )

    @property
    def one_class(self) -> bool:
        """One of the classes has no image, so that there is no AUC."""
        return not len(self.negatives) or not len(self.positives)

    def auc(self, counts: NDArray[np.integer], *, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """The AUC of each resample: how often a positive is scored above a negative, ties half.

        Sums of whole numbers are exact, so that no AUC leaves [0, 1].

        Args:
            counts: how often each group of images is in each resample, (groups, resamples).
            groups: the group of each image, (n,); its patient, say.

        Returns:
            (resamples,); NaN where a resample has one class only.
        """
        resamples = counts.shape[1]
        found = np.empty(resamples)
        for start in range(0, resamples, CHUNK):
            chunk = counts[:, start : start + CHUNK].astype(np.float64)
            # Row i: how many images the i lowest negatives stand for.
            below = np.zeros((len(self.negatives) + 1, chunk.shape[1]))
            np.cumsum(chunk[groups[self.negatives]], axis=0, out=below[1:])
            positives = chunk[groups[self.positives]]
            twice = np.einsum("ij,ij->j", positives, below[self.below] + below[self.not_above])
            pairs = positives.sum(axis=0) * below[-1]
            with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
                found[start : start + CHUNK] = twice / (2 * pairs)
        return found
