"""Leakage: patients and identical images that two parts of a split share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config.frozen import Frozen


class Leakage(Frozen):
    """Patients and images shared by two parts of a split. None is "unknown", which is not 0."""

    earlier: str  # name of the part to learn from ("train")
    later: str  # name of the part to test on ("test")
    later_images: int  # number of images of the later part
    # Patients known to have images in both parts, which is a lower bound where ``unknown_patients``
    # is not 0; None where no image of one of the parts has a patient id.
    shared_patients: int | None
    # Images of the later part whose patient is known to be in the earlier one; a lower bound and
    # None likewise.
    images_of_shared_patients: int | None
    unknown_patients: int  # images of both parts together without a patient id
    # Images of the later part with a pixel-identical copy (by their original pixels) in the earlier
    # one; None where any image of either part has no digest.
    identical_images: int | None

    @property
    def share_of_later_images(self) -> float | None:
        """``images_of_shared_patients`` as a share of the later part; None likewise."""
        shared = self.images_of_shared_patients
        return None if shared is None else shared / self.later_images


def measure_leakage(
    rows: pd.DataFrame, parts: Mapping[str, NDArray[np.int64]]
) -> tuple[Leakage, ...]:
    """Count the patients and images that each pair of parts shares.

    The study table has the column ``digest``; the parts are row numbers in the order train,
    validation, test, and so are the pairs.
    """
    patients = rows["patient"].to_numpy(dtype=object)
    digests = rows["digest"].to_numpy(dtype=object)
    found = []
    for earlier, later in combinations(parts, 2):
        persons = _known(patients[parts[earlier]]), _known(patients[parts[later]])
        copied = _repeated(digests[parts[earlier]], digests[parts[later]])
        repeated = _repeated(*persons)
        ids_in_both = all(map(len, persons))
        images = len(parts[earlier]) + len(parts[later])
        digests_known = "" not in digests[parts[earlier]] and "" not in digests[parts[later]]
        found.append(
            Leakage(
                earlier=earlier,
                later=later,
                later_images=len(parts[later]),
                shared_patients=len(set(repeated)) if ids_in_both else None,
                images_of_shared_patients=len(repeated) if ids_in_both else None,
                unknown_patients=images - sum(map(len, persons)),
                identical_images=len(copied) if digests_known else None,
            )
        )
    return tuple(found)


def _known(values: NDArray[np.object_]) -> list[str]:
    return [value for value in values if value != ""]


def _repeated(earlier: Iterable[str], later: Iterable[str]) -> list[str]:
    """The later items that are among the earlier ones."""
    present = set(earlier)
    return [value for value in later if value in present]
