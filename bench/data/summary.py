"""What a data set holds: its findings, alone and together, and normal images beside abnormal ones.

For ChestX-ray14 these are Fig. 6 and Fig. 7 of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.data.splits import Split
from bench.data.study import StudyTable
from bench.data.tasks import count_findings, finding_labels
from bench.data.text_table import text_table


@dataclass(frozen=True, kw_only=True)
class FindingCount:
    """How many images have a finding.

    Attributes:
        name: of the finding.
        images: with it.
        alone: of these, without any other.
    """

    name: str
    images: int
    alone: int

    @property
    def with_others(self) -> int:
        """Of the images, those that have other findings, too."""
        return self.images - self.alone


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """What some images hold.

    Attributes:
        images: how many.
        patients: how many; None where any of them is unknown.
        normal: images without a finding.
        one: images with exactly one.
        several: images with more.
        findings: one entry for each that may occur, the most frequent first.
    """

    images: int
    patients: int | None
    normal: int
    one: int
    several: int
    findings: tuple[FindingCount, ...]

    def as_dict(self) -> dict[str, Any]:
        """The counts for JSON."""
        return vars(self) | {
            "findings": {
                finding.name: {
                    "images": finding.images,
                    "alone": finding.alone,
                    "with_others": finding.with_others,
                }
                for finding in self.findings
            }
        }


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A data set and the parts of one split of it, counted.

    Attributes:
        source: the data source's name.
        whole: counts of all images.
        parts: counts of train, validation and test, and of "left_out" where there is any.
        split: the split that has these parts; None where there is none.
        notes: facts on the data set.
    """

    source: str
    whole: LabelCounts
    parts: dict[str, LabelCounts]
    split: Split | None
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON."""
        return {
            "source": self.source,
            **self.whole.as_dict(),
            "split": None
            if self.split is None
            else {key: getattr(self.split, key) for key in ("name", "seed", "hash", "how")},
            "parts": {name: part.as_dict() for name, part in self.parts.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The summary as lines of text."""
        whole = self.whole
        columns = {"all": whole} | {n.replace("_", " "): part for n, part in self.parts.items()}
        by_part = [
            {finding.name: finding.images for finding in part.findings}
            for part in self.parts.values()
        ]
        of = "" if whole.patients is None else f" of {whole.patients:,} patients"
        return [
            f"{self.source}: {whole.images:,} images{of}",
            *self.notes,
            _about_parts(self.split),
            "",
            *text_table(
                ("", *columns),
                [
                    ("normal", *(_with_share(c.normal, c) for c in columns.values())),
                    ("one finding", *(_with_share(c.one, c) for c in columns.values())),
                    ("several findings", *(_with_share(c.several, c) for c in columns.values())),
                    ("images", *(f"{c.images:,}" for c in columns.values())),
                    (
                        "patients",
                        *(
                            "unknown" if c.patients is None else f"{c.patients:,}"
                            for c in columns.values()
                        ),
                    ),
                ],
            ),
            "",
            *text_table(
                ("finding", "alone", "with others", *columns),
                [
                    (
                        finding.name,
                        f"{finding.alone:,}",
                        f"{finding.with_others:,}",
                        f"{finding.images:,}",
                        *(f"{counts[finding.name]:,}" for counts in by_part),
                    )
                    for finding in whole.findings
                ],
            ),
        ]


def summarise(table: StudyTable, split: Split | None) -> Summary:
    """Count the labels of a data set, and of each part of a split.

    Args:
        table: the labels.
        split: of ``table.rows``; None counts the whole alone.
    """
    return Summary(
        source=table.name,
        whole=count_labels(table.rows, table.finding_names),
        parts={
            name: count_labels(table.rows.iloc[places], table.finding_names)
            for name, places in (split.parts_and_left_out if split else {}).items()
        },
        split=split,
        notes=table.notes,
    )


def count_labels(rows: pd.DataFrame, findings: Sequence[str]) -> LabelCounts:
    """Count the labels of some images.

    Args:
        rows: a study table.
        findings: names; every finding of the rows is among them.
    """
    number = count_findings(rows)
    has = finding_labels(rows, findings) > 0
    images = has.sum(axis=0)
    alone = has[number == 1].sum(axis=0)
    # Findings of equal counts stay in the source's order.
    ordered = np.argsort(-images, kind="stable")
    patients = set(rows["patient"])
    return LabelCounts(
        images=len(rows),
        patients=None if "" in patients else len(patients),
        normal=int((number == 0).sum()),
        one=int((number == 1).sum()),
        several=int((number > 1).sum()),
        findings=tuple(
            FindingCount(name=findings[place], images=int(images[place]), alone=int(alone[place]))
            for place in ordered
        ),
    )


def _about_parts(split: Split | None) -> str:
    if split is None:
        return (
            "parts: none, since the config takes the parts that the source gives, and it gives "
            "none (--set data.split=patient makes some)"
        )
    return f"parts: split {split.name}, seed {split.seed}, hash {split.hash[:12]}; {split.how}"


def _with_share(count: int, part: LabelCounts) -> str:
    return f"{count:,} ({100 * count / part.images:.1f} %)"
