"""Groups of images that must stay together, and their division into parts of wanted sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Random orders tried for one division. With 64, each part of the 30,805 patients of ChestX-ray14
# misses its wanted numbers of normal and abnormal images by less than 0.3 % of its size.
TRIES = 64


def inseparable_groups(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Number the groups of images that must be in one part.

    Two images are in one group if they have a patient or a digest in common, or are connected
    through other images that do. An unknown ("") patient or digest connects nothing.

    Returns:
        Group numbers 0..groups-1, shape (n,), in order of first appearance.
    """
    parent = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in ("patient", "digest"):
        first: dict[str, int] = {}
        for row, value in enumerate(rows[column]):
            if value != "":
                parent[root(row)] = root(first.setdefault(value, row))
    return pd.factorize(np.array([root(row) for row in range(len(rows))]))[0].astype(np.int64)


def divide(
    groups: NDArray[np.int64],
    *,
    positive: NDArray[np.bool_],
    wanted: Sequence[int],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Divide groups of images at random into parts of nearly the wanted sizes and prevalence.

    The groups are put in a random order that is cut where the sizes fit best. Of ``TRIES``
    orders the one is kept whose numbers of positive and of negative images are nearest to the
    wanted ones in the worst part ("rerandomization", Morgan and Rubin, Annals of Statistics
    40(2), 2012). Unlike filling the parts largest patient first, this gives a patient of 184
    images and a patient of one nearly the same chance to be in any part. ``wanted`` are the numbers
    of images of the parts 1, 2, …; part 0 is the rest. Only the generator's raw bits are used.

    Returns:
        The part of each image, 0..len(wanted), (n,). Every part gets at least one group.
    """
    sizes = np.bincount(groups)
    # Fractions of few images can round to all of them; the rest still gets a group.
    wanted_sizes = np.array([max(1, len(groups) - sum(wanted)), *wanted])
    divisions = (_cut(sizes, order, wanted) for order in _random_orders(len(sizes), generator))
    return _best(divisions, groups, positive, wanted_sizes)


def divide_exactly(
    groups: NDArray[np.int64],
    *,
    positive: NDArray[np.bool_],
    wanted: Sequence[int],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Divide groups of images at random into parts of exactly the wanted sizes.

    The groups are put in a random order, and each part in turn takes from it what still has
    room. Until a part is nearly full that is simply the next group, so again a group's size
    hardly changes its chances; the last room goes to groups that are small enough. Of
    ``TRIES`` orders one that fills every part is kept, and among those the one that keeps the
    prevalence best, as in :func:`divide`. Here ``wanted`` are all parts, 0, 1, …

    Returns:
        The part of each image, (n,); ``len(wanted)`` for what the parts leave over. Where no
        order filled every part, the division that fills them best: no part is larger than
        wanted, and asking for just its sizes (same generator) gives a division that fills them.
    """
    sizes = np.bincount(groups)
    divisions = (_fill(sizes, order, wanted) for order in _random_orders(len(sizes), generator))
    return _best(divisions, groups, positive, np.array(wanted))


def _random_orders(count: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    for _ in range(TRIES):
        yield np.argsort(generator.bit_generator.random_raw(count), kind="stable")


def _best(
    divisions: Iterator[NDArray[np.int64]],
    groups: NDArray[np.int64],
    positive: NDArray[np.bool_],
    wanted: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The part of each image in the division that fills the wanted sizes best.

    Of several such, the one whose largest difference of a part from its wanted numbers of positive
    and negative images is the least, as a share of the part's wanted size. A division is the part
    of each group; parts beyond the wanted ones are not looked at.
    """
    sizes = np.bincount(groups)
    positives = np.bincount(groups[positive], minlength=len(sizes))
    prevalence = positives.sum() / sizes.sum()
    wanted_counts = np.outer(wanted, [prevalence, 1.0 - prevalence])
    parts = len(wanted)

    def error(part: NDArray[np.int64]) -> tuple[float, float]:
        part_positives = np.bincount(part, weights=positives, minlength=parts)[:parts]
        part_sizes = np.bincount(part, weights=sizes, minlength=parts)[:parts]
        counts = np.stack([part_positives, part_sizes - part_positives], axis=1)
        imbalance = (np.abs(counts - wanted_counts).max(axis=1) / wanted).max()
        return float(wanted.sum() - part_sizes.sum()), float(imbalance)

    return min(divisions, key=error)[groups]


def _cut(
    sizes: NDArray[np.int64], order: NDArray[np.int64], wanted: Sequence[int]
) -> NDArray[np.int64]:
    """The part of each group when ``order`` is cut where the sums of sizes fit best."""
    part = np.zeros(len(sizes), np.int64)
    images = np.concatenate([[0], np.cumsum(sizes[order])])
    start = 0
    for number, count in enumerate(wanted, start=1):
        end = int(np.abs(images - (images[start] + count)).argmin())
        # One group at least for this part and for each that follows, the rest included.
        end = max(start + 1, min(end, len(sizes) - (len(wanted) - number) - 1))
        part[order[start:end]] = number
        start = end
    return part


def _fill(
    sizes: NDArray[np.int64], order: NDArray[np.int64], wanted: Sequence[int]
) -> NDArray[np.int64]:
    """The part of each group when each part takes, along ``order``, every group it has room for."""
    part = np.full(len(sizes), len(wanted), np.int64)
    for number, count in enumerate(wanted):
        room = count
        ahead = order[part[order] == len(wanted)]
        # Each round takes groups up to the first that has no room; it and those as large are
        # passed over from there on.
        while len(ahead := ahead[sizes[ahead] <= room]):
            taken = ahead[: np.searchsorted(sizes[ahead].cumsum(), room, side="right")]
            part[taken] = number
            room -= int(sizes[taken].sum())
            ahead = ahead[len(taken) :]
    return part
