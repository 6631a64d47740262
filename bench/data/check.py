"""Checking a data set: its problems, its identical images, the rows that can be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from bench.data.pixel_store import PixelStore
from bench.data.study import Problem, ProblemKind, StudyTable
from bench.data.tasks import is_abnormal
from bench.text import first_names, printable

# Images that are named for each kind of problem; the JSON form has them all.
LISTED = 10
LISTED_IN_REFUSAL = 3


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """The outcome of checking a data set.

    Attributes:
        source: the data source's name.
        notes: facts about the data set.
        usable: how many images a run can use.
        enlarged: how many of them are smaller than the wanted size and were interpolated.
        problems: the images that a run cannot use, by kind of problem.
        identical: groups of images with equal original pixels. They are not dropped; the splits
            and every report deal with them.
        contradicting: the groups that hold normal and abnormal images.
    """

    source: str
    notes: tuple[str, ...]
    usable: int
    enlarged: int
    problems: dict[ProblemKind, tuple[Problem, ...]]
    identical: tuple[tuple[str, ...], ...]
    contradicting: tuple[tuple[str, ...], ...]

    @property
    def dropped(self) -> int:
        """Number of images that a run would leave out."""
        return len({problem.image for found in self.problems.values() for problem in found})

    def lines(self) -> list[str]:
        """The report as plain lines of text."""
        lines = [f"{self.source}: {_images(self.usable)} can be used, {self.dropped:,} cannot"]
        lines += self.notes
        if self.enlarged:
            lines.append(f"{_images(self.enlarged)} smaller than the wanted size: interpolated")
        for kind, found in self.problems.items():
            lines.append(f"{len(found):,} {kind}:")
            lines += [f"  {problem.image}: {problem.detail}" for problem in found[:LISTED]]
            lines += _and_more(len(found))
        if self.identical:
            images = sum(len(group) for group in self.identical)
            lines.append(
                f"{images:,} images are pixel-identical to another, in "
                f"{_groups(self.identical)} (they are kept):"
            )
            lines += _listed(self.identical)
        if self.contradicting:
            carry = "carries" if len(self.contradicting) == 1 else "carry"
            lines.append(
                f"{_groups(self.contradicting)} of identical images {carry} different labels, "
                "normal and abnormal:"
            )
            lines += _listed(self.contradicting)
        return [printable(line) for line in lines]

    def as_dict(self) -> dict[str, object]:
        """The whole report, for JSON."""
        return asdict(self) | {"dropped": self.dropped}


def check_data(study: StudyTable, store: PixelStore) -> DataReport:
    """Collect the problems and the identical images of a data set.

    Args:
        study: a data source's labels.
        store: the pixels of that study, at any size.
    """
    rows, problems = usable(study, store)
    copies = rows[rows["digest"].duplicated(keep=False)]
    groups = [
        (tuple(group["image"]), is_abnormal(group))
        for _, group in copies.groupby("digest", sort=False)
    ]
    return DataReport(
        source=study.name,
        notes=study.notes,
        usable=len(rows),
        enlarged=store.enlarged,
        problems=_by_kind(problems),
        identical=tuple(images for images, _ in groups),
        contradicting=tuple(images for images, marks in groups if len(set(marks)) > 1),
    )


def usable(study: StudyTable, store: PixelStore) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """The rows that a run can use, and the problems of the others.

    Args:
        study: a data source's labels.
        store: the pixels of that study, at any size.

    Returns:
        The study table's rows whose pixels could be read, index 0..n-1, with the columns
        ``pixel_row`` (int64: the row of ``store.pixels``) and ``digest`` (text: equal for
        pixel-identical images); and the problems of labels, files and pixels together.
    """
    rows = study.rows.assign(
        pixel_row=np.arange(len(study.rows), dtype=np.int64),
        digest=np.array(store.digests, dtype=object),
    )
    rows = rows[rows["digest"] != ""].reset_index(drop=True)
    return rows, study.problems + store.problems


def refusal(problems: Sequence[Problem]) -> str:
    """The error message for images that cannot be used: one line with names and hints."""
    kinds = [
        f"{len(found):,} {kind}: "
        + first_names([problem.image for problem in found], LISTED_IN_REFUSAL)
        for kind, found in _by_kind(problems).items()
    ]
    count = len({problem.image for problem in problems})
    return (
        f"{_images(count)} cannot be used ({'; '.join(kinds)}): see `bench data check`, mend "
        f"{'it' if count == 1 else 'them'}, or set data.on_bad=skip"
    )


def _by_kind(problems: Iterable[Problem]) -> dict[ProblemKind, tuple[Problem, ...]]:
    kinds: dict[ProblemKind, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    return {kind: tuple(found) for kind, found in kinds.items()}


def _groups(groups: Sequence[tuple[str, ...]]) -> str:
    return f"{len(groups):,} group{'' if len(groups) == 1 else 's'}"


def _listed(groups: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"  {' = '.join(group)}" for group in groups[:LISTED]] + _and_more(len(groups))


def _and_more(count: int) -> list[str]:
    return [f"  and {count - LISTED:,} more"] if count > LISTED else []


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
