"""What a split is like: its parts, and what they share that they should not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.data.leakage import Leakage, measure_leakage
from bench.data.splits import RowNumbers, Split
from bench.data.study import StudyTable
from bench.data.tasks import is_abnormal
from bench.data.text_table import text_table

BY_LABELS = (
    "made by labels alone: a run divides the images that it can read, and keeps identical ones "
    "together where it draws by patient, so its split differs where images are missing or have "
    "copies"
)


@dataclass(frozen=True, kw_only=True)
class PartCounts:
    """How large a part is.

    Attributes:
        images: how many.
        patients: how many; None where any of them is unknown.
        abnormal: images with a finding.
    """

    images: int
    patients: int | None
    abnormal: int

    @property
    def prevalence(self) -> float:
        """Share of abnormal images."""
        return self.abnormal / self.images


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """A split, described.

    Attributes:
        source: the data source's name.
        split: what is described.
        parts: counts of train, validation and test, and of "left_out" where there is any.
        leakage: what each pair of parts shares.
        notes: facts on the data set and on how far the split is that of a run.
    """

    source: str
    split: Split
    parts: dict[str, PartCounts]
    leakage: tuple[Leakage, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "source": self.source,
            "split": self.split.name,
            "seed": self.split.seed,
            "how": self.split.how,
            "hash": self.split.hash,
            "claims_disjoint": self.split.claims_disjoint,
            "parts": {
                name: {**vars(part), "prevalence": part.prevalence}
                for name, part in self.parts.items()
            },
            "leakage": [
                {**pair.as_dict(), "share_of_later_images": pair.share_of_later_images}
                for pair in self.leakage
            ],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The report as lines of text."""
        split = self.split
        return [
            f"{self.source}: split {split.name}, seed {split.seed}",
            f"hash {split.hash}",
            split.how,
            "",
            *text_table(
                ("part", "images", "patients", "abnormal", "prevalence"),
                [
                    (
                        name.replace("_", " "),
                        f"{part.images:,}",
                        _number(part.patients),
                        f"{part.abnormal:,}",
                        f"{100 * part.prevalence:.1f} %",
                    )
                    for name, part in self.parts.items()
                ],
            ),
            "",
            *text_table(
                ("parts", "patients in both", "their images in the later", "identical images"),
                [
                    (
                        f"{pair.earlier}, {pair.later}",
                        _number(pair.shared_patients),
                        _images_and_share(pair),
                        _number(pair.identical_images),
                    )
                    for pair in self.leakage
                ],
            ),
            *(("", *self.notes) if self.notes else ()),
        ]


def describe_split(
    table: StudyTable, split: Split, *, by_labels: bool, train_share: float = 1.0
) -> SplitReport:
    """Count what a split's parts hold and share.

    Args:
        table: the images, with the column ``digest``.
        split: of ``table.rows``.
        by_labels: the table comes from the label files alone.
        train_share: share of the training part that runs learn from.
    """
    return SplitReport(
        source=table.name,
        split=split,
        parts={
            name: _count(table.rows, places) for name, places in split.parts_and_left_out.items()
        },
        leakage=measure_leakage(table.rows, split.parts),
        notes=(*table.notes, *((BY_LABELS,) if by_labels else ()), *_about_share(train_share)),
    )


def _count(rows: pd.DataFrame, places: RowNumbers) -> PartCounts:
    patients = set(rows["patient"].to_numpy(dtype=object)[places])
    return PartCounts(
        images=len(places),
        patients=None if "" in patients else len(patients),
        abnormal=int(is_abnormal(rows)[places].sum()),
    )


def _about_share(train_share: float) -> tuple[str, ...]:
    if train_share == 1.0:
        return ()
    return (f"data.train_share={train_share:g}: here the training part is counted whole",)


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _images_and_share(pair: Leakage) -> str:
    images, share = pair.images_of_shared_patients, pair.share_of_later_images
    return "unknown" if images is None or share is None else f"{images:,} ({100 * share:.1f} %)"
