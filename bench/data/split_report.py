"""Description of a split: its parts, and what they share that they should not."""

from __future__ import annotations

from dataclasses import dataclass

from bench.data.leakage import Leakage, measure_leakage
from bench.data.splits import Split
from bench.data.study import StudyTable
from bench.data.summary import LabelCounts, number_or_unknown, summarise
from bench.text import figures_table

BY_LABELS = (
    "made by labels alone: a run divides the images that it can read, and keeps identical ones "
    "together where it draws by patient, so its split differs where images are missing or have "
    "copies"
)


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """A split, described."""

    source: str
    split: Split
    # Counts of train, validation and test, and of "left_out" where there is any.
    parts: dict[str, LabelCounts]
    leakage: tuple[Leakage, ...]
    notes: tuple[str, ...]  # facts on the data set and on how far the split is that of a run

    def as_dict(self) -> dict[str, object]:
        """The report for JSON."""
        counts = ("images", "patients", "abnormal", "prevalence")
        return {
            "source": self.source,
            "split": self.split.name,
            **{key: getattr(self.split, key) for key in ("seed", "how", "hash", "claims_disjoint")},
            "parts": {
                name: {key: getattr(part, key) for key in counts}
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
            name.replace("_", " "): {
                "images": f"{part.images:,}",
                "patients": number_or_unknown(part.patients),
                "abnormal": f"{part.abnormal:,}",
                "prevalence": f"{100 * part.prevalence:.1f} %",
            }
            for name, part in self.parts.items()
        }
        pairs = {
            f"{pair.earlier}, {pair.later}": {
                "patients in both": number_or_unknown(pair.shared_patients),
                "their images in the later": _images_and_share(pair),
                "identical images": number_or_unknown(pair.identical_images),
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


def _images_and_share(pair: Leakage) -> str:
    images, share = pair.images_of_shared_patients, pair.share_of_later_images
    return "unknown" if images is None or share is None else f"{images:,} ({100 * share:.1f} %)"
