"""Checking a data set: its problems and its identical images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bench.data.pixel_store import PixelStore
from bench.data.study import Problem, ProblemKind, StudyTable
from bench.data.tasks import is_abnormal
from bench.text import printable

# Images that are named for each kind of problem; the JSON form has them all.
LISTED = 3

_REMEDIES: dict[ProblemKind, str] = {
    "missing": "put the files where the labels say, or mend their paths",
    "truncated": "copy these files again",
    "unreadable": "copy these files again, or save each as one PNG, JPEG, TIFF or DICOM image",
    "duplicated": "keep one file of each",
    "contradictory": "let all rows of an image say the same",
    "unlabelled": "give each a label, or take it away",
    "unknown finding": "mend the spelling, or add the name to data.options.findings",
}


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """The outcome of checking a data set."""

    source: str
    notes: tuple[str, ...]
    usable: int  # how many images a run can use
    enlarged: int  # how many of them are smaller than the wanted size and were interpolated
    dropped: int  # how many images a run cannot use
    problems: dict[ProblemKind, tuple[Problem, ...]]  # these images, by kind of problem
    remembered: int  # how many of them an earlier decoding of the images could not read
    # Groups of images with equal original pixels. They are not dropped; the splits and every report
    # deal with them.
    identical: tuple[tuple[str, ...], ...]
    contradicting: tuple[tuple[str, ...], ...]  # the groups that hold normal and abnormal images

    def lines(self) -> list[str]:
        """The report as plain lines of text: first what stops a run, by kind, then notes."""
        lines = [f"{self.source}: {_images(self.usable)} can be used, {self.dropped:,} cannot"]
        for kind, found in self.problems.items():
            lines.append(f"{len(found):,} {kind}: {_REMEDIES[kind]}")
            lines += [f"  {problem.image}: {problem.detail}" for problem in found[:LISTED]]
            lines += _and_more(len(found))
        if self.problems:
            lines.append("such images stop a run; data.on_bad=skip leaves them out")
        if self.remembered:
            lines.append(
                f"{_images(self.remembered)} could not be read by an earlier decoding: --again "
                "reads all images anew"
            )
        lines += self.notes
        if self.enlarged:
            lines.append(f"{_images(self.enlarged)} smaller than the wanted size: interpolated")
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
        return asdict(self)


def check_data(study: StudyTable, store: PixelStore | None) -> DataReport:
    """Collect the problems and the identical images of a data set.

    Without a store there is no row to decode.
    """
    if store is None:
        study = replace(study, rows=study.rows.assign(digest=""))
    checked = study if store is None else store.usable(study)
    rows = checked.rows
    copies = rows[rows["digest"].duplicated(keep=False)]
    groups = [
        (tuple(group["image"]), is_abnormal(group))
        for _, group in copies.groupby("digest", sort=False)
    ]
    return DataReport(
        source=study.name,
        notes=study.notes,
        usable=len(rows),
        enlarged=0 if store is None else int(store.enlarged.sum()),
        dropped=checked.skipped,
        problems=checked.problems_by_kind,
        remembered=len(store.problems) if store is not None and store.reused else 0,
        identical=tuple(images for images, _ in groups),
        contradicting=tuple(images for images, marks in groups if len(set(marks)) > 1),
    )


def _groups(groups: Sequence[tuple[str, ...]]) -> str:
    return f"{len(groups):,} group{'' if len(groups) == 1 else 's'}"


def _listed(groups: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"  {' = '.join(group)}" for group in groups[:LISTED]] + _and_more(len(groups))


def _and_more(count: int) -> list[str]:
    return [f"  and {count - LISTED:,} more"] if count > LISTED else []


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
