"""Leakage: what two parts of a split share that they should not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Leakage:
    """What two parts of a split share. None is "unknown", which is not 0.

    Attributes:
        earlier: name of the part that is learned from ("train").
        later: name of the part that is judged on ("test").
        later_images: number of images of the later part.
        shared_patients: patients with images in both parts; None where any image of either
            part has no patient id.
        images_of_shared_patients: images of the later part whose patient is in the earlier one;
            None likewise.
        identical_images: images of the later part with a pixel-identical copy (by their
            original pixels) in the earlier one; None where any image of either part has no
            digest.
    """

    earlier: str
    later: str
    later_images: int
    shared_patients: int | None
    images_of_shared_patients: int | None
    identical_images: int | None

    def as_dict(self) -> dict[str, str | int | None]:
        """The attributes, for JSON."""
        return asdict(self)


def measure_leakage(
    rows: pd.DataFrame, parts: Mapping[str, NDArray[np.int64]]
) -> tuple[Leakage, ...]:
    """Count what every pair of parts shares.

    Args:
        rows: the study table with the column ``digest``.
        parts: name of each part and its row positions, in the order train, validation, test
            (:attr:`bench.data.splits.Split.parts`).

    Returns:
        One entry for each pair: train-validation, train-test, validation-test.
    """
    patients = rows["patient"].to_numpy(dtype=object)
    digests = rows["digest"].to_numpy(dtype=object)
    found = []
    for earlier, later in combinations(parts, 2):
        persons, images = _shared(patients[parts[earlier]], patients[parts[later]])
        _, copies = _shared(digests[parts[earlier]], digests[parts[later]])
        found.append(
            Leakage(
                earlier=earlier,
                later=later,
                later_images=len(parts[later]),
                shared_patients=persons,
                images_of_shared_patients=images,
                identical_images=copies,
            )
        )
    return tuple(found)


def _shared(
    earlier: NDArray[np.object_], later: NDArray[np.object_]
) -> tuple[int, int] | tuple[None, None]:
    """How many distinct values both hold, and how many items of the later hold one of them."""
    known = set(earlier)
    repeated = [value for value in later if value in known]
    if "" in known or "" in later:
        return None, None
    return len(set(repeated)), len(repeated)
