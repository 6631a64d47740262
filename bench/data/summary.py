"""Counts of the labels of a data set: findings alone and together, normal and abnormal images.

For ChestX-ray14 these are Fig. 6 and Fig. 7 of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.data.splits import Split
from bench.data.study import StudyTable, count_patients
from bench.data.tasks import count_findings
from bench.text import figures_table


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelCounts:
    """Counts of the labels of some images."""

    images: int
    patients: int | None  # how many; None where any of them is unknown
    normal: int  # images without a finding
    one: int  # images with exactly one
    several: int  # images with more
    # A row for each finding that may occur, the most frequent first: ``images`` with it, those that
    # have it ``alone`` and those that have it ``with_others``, int64.
    findings: pd.DataFrame

    @property
    def abnormal(self) -> int:
        """Images with a finding."""
        return self.images - self.normal

    @property
    def prevalence(self) -> float:
        """Share of abnormal images."""
        return self.abnormal / self.images

    def as_dict(self) -> dict[str, object]:
        """The counts for JSON."""
        return vars(self) | {"findings": self.findings.to_dict(orient="index")}

    def as_text(self) -> dict[str, str]:
        """The counts without the findings as texts, with shares of all images."""
        shares = {"normal": self.normal, "one finding": self.one, "several findings": self.several}
        return {name: f"{n:,} ({100 * n / self.images:.1f} %)" for name, n in shares.items()} | {
            "images": f"{self.images:,}",
            "patients": number_or_unknown(self.patients),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelSummary:
    """A data set and the parts of one split of it, counted."""

    source: str
    whole: LabelCounts
    # Counts of train, validation and test, and of "left_out" where there is any.
    parts: dict[str, LabelCounts]
    split: Split | None  # the split that has these parts; None where there is none
    notes: tuple[str, ...]  # facts on the data set, and how many images were left out of it

    def as_dict(self) -> dict[str, object]:
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
        counts = {"all": whole} | {
            name.replace("_", " "): part for name, part in self.parts.items()
        }
        of_patients = "" if whole.patients is None else f" of {whole.patients:,} patients"
        texts = {name: count.as_text() for name, count in counts.items()}
        columns = {
            "alone": whole.findings["alone"],
            "with others": whole.findings["with_others"],
            **{name: count.findings["images"] for name, count in counts.items()},
        }
        return [
            f"{self.source}: {whole.images:,} images{of_patients}",
            *self.notes,
            _about_parts(self.split),
            "",
            *figures_table(
                "",
                {row: {name: text[row] for name, text in texts.items()} for row in whole.as_text()},
            ),
            "",
            *figures_table(
                "finding",
                {
                    finding: {head: f"{column[finding]:,}" for head, column in columns.items()}
                    for finding in whole.findings.index
                },
            ),
        ]


def summarise(table: StudyTable, split: Split | None) -> LabelSummary:
    """Count the labels of a data set, and of each part of a split of its rows, if there is one."""
    notes = table.notes
    if table.problems:
        skipped = "images that cannot be used and are skipped (see bench data check)"
        notes = (*notes, f"{skipped}: {table.skipped:,}")
    return LabelSummary(
        source=table.name,
        whole=count_labels(table.rows, table.finding_names),
        parts={
            name: count_labels(table.rows.iloc[rows], table.finding_names)
            for name, rows in (split.parts_and_left_out.items() if split else ())
        },
        split=split,
        notes=notes,
    )


def count_labels(rows: pd.DataFrame, findings: Sequence[str]) -> LabelCounts:
    """Count the labels of some images; every finding of theirs is among the names."""
    number = count_findings(rows)
    images, alone = (
        found.explode().value_counts().reindex(list(findings), fill_value=0)
        for found in (rows["findings"], rows["findings"][number == 1])
    )
    counts = pd.DataFrame({"images": images, "alone": alone, "with_others": images - alone})
    return LabelCounts(
        images=len(rows),
        patients=count_patients(rows),
        normal=int((number == 0).sum()),
        one=int((number == 1).sum()),
        several=int((number > 1).sum()),
        # Findings of equal counts stay in the source's order.
        findings=counts.astype("int64").sort_values("images", ascending=False, kind="stable"),
    )


def number_or_unknown(number: int | None) -> str:
    """A number as text."""
    return "unknown" if number is None else f"{number:,}"


def _about_parts(split: Split | None) -> str:
    if split is None:
        return (
            "parts: none, since the config takes the parts that the source gives, and it gives "
            "none (data.split=patient makes some)"
        )
    return f"parts: split {split.name}, seed {split.seed}, hash {split.hash[:12]}; {split.how}"
