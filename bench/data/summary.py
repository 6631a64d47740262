"""Counts of the labels of a data set and of the parts of a split, and what these parts share.

For ChestX-ray14 the counts are Fig. 6 and Fig. 7 of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.data.leakage import Leakage, measure_leakage
from bench.data.splits import Split
from bench.data.study import StudyTable, count_patients
from bench.data.tasks import count_findings
from bench.text import figures_table

BY_LABELS = (
    "made by labels alone: a run divides the images that it can read, and keeps identical ones "
    "together where it draws by patient, so its split differs where images are missing or have "
    "copies"
)


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
            "patients": _number_or_unknown(self.patients),
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
            "split": self.split and _fields(self.split, "name", "seed", "hash", "how"),
            "parts": {name: part.as_dict() for name, part in self.parts.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The summary as lines of text."""
        whole = self.whole
        counts = {"all": whole} | _with_blanks(self.parts)
        of_patients = "" if whole.patients is None else f" of {whole.patients:,} patients"
        texts = {name: count.as_text() for name, count in counts.items()}
        columns = {
            "alone": whole.findings["alone"],
            "with others": whole.findings["with_others"],
            **{name: count.findings["images"] for name, count in counts.items()},
        }
        shares = {row: {name: text[row] for name, text in texts.items()} for row in texts["all"]}
        findings = {
            finding: {head: f"{column[finding]:,}" for head, column in columns.items()}
            for finding in whole.findings.index
        }
        return [
            f"{self.source}: {whole.images:,} images{of_patients}",
            *self.notes,
            _about_parts(self.split),
            "",
            *figures_table("", shares),
            "",
            *figures_table("finding", findings),
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitReport:
    """A split, described: its parts, and what they share that they should not."""

    source: str
    split: Split
    parts: dict[str, LabelCounts]  # those of a :class:`LabelSummary`
    leakage: tuple[Leakage, ...]
    notes: tuple[str, ...]  # facts on the data set and on how far the split is that of a run

    def as_dict(self) -> dict[str, object]:
        """The report for JSON."""
        return {
            "source": self.source,
            "split": self.split.name,
            **_fields(self.split, "seed", "how", "hash", "claims_disjoint"),
            "parts": {
                name: _fields(part, "images", "patients", "abnormal", "prevalence")
                for name, part in self.parts.items()
            },
            "leakage": [
                pair.model_dump() | {"share_of_later_images": pair.share_of_later_images}
                for pair in self.leakage
            ],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The report as lines of text."""
        parts = {
            name: {
                "images": f"{part.images:,}",
                "patients": _number_or_unknown(part.patients),
                "abnormal": f"{part.abnormal:,}",
                "prevalence": f"{100 * part.prevalence:.1f} %",
            }
            for name, part in _with_blanks(self.parts).items()
        }
        pairs = {
            f"{pair.earlier}, {pair.later}": {
                "patients in both": _number_or_unknown(pair.shared_patients),
                "their images in the later": _images_and_share(pair),
                "identical images": _number_or_unknown(pair.identical_images),
            }
            for pair in self.leakage
        }
        return [
            f"{self.source}: split {self.split.name}, seed {self.split.seed}",
            f"hash {self.split.hash}",
            self.split.how,
            "",
            *figures_table("part", parts),
            "",
            *figures_table("parts", pairs),
            *(("", *self.notes) if self.notes else ()),
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


def describe_split(
    table: StudyTable, split: Split, *, by_labels: bool, train_share: float = 1.0
) -> SplitReport:
    """Count what a split's parts hold and share.

    ``by_labels``: the table, with its column ``digest``, comes from the label files alone.
    """
    summary = summarise(table, split)
    notes = [*summary.notes]
    if by_labels:
        notes.append(BY_LABELS)
    if train_share != 1.0:
        notes.append(f"data.train_share={train_share:g}: here the training part is counted whole")
    return SplitReport(
        source=table.name,
        split=split,
        parts=summary.parts,
        leakage=measure_leakage(table.rows, split.parts),
        notes=tuple(notes),
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


def _number_or_unknown(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _fields(record: object, *names: str) -> dict[str, object]:
    return {name: getattr(record, name) for name in names}


def _with_blanks(parts: dict[str, LabelCounts]) -> dict[str, LabelCounts]:
    return {name.replace("_", " "): part for name, part in parts.items()}


def _images_and_share(pair: Leakage) -> str:
    images, share = pair.images_of_shared_patients, pair.share_of_later_images
    return "unknown" if images is None or share is None else f"{images:,} ({100 * share:.1f} %)"


def _about_parts(split: Split | None) -> str:
    if split is None:
        return (
            "parts: none, since the config takes the parts that the source gives, and it gives "
            "none (data.split=patient makes some)"
        )
    return f"parts: split {split.name}, seed {split.seed}, hash {split.hash[:12]}; {split.how}"
