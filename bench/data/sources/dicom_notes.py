"""Notes on a folder of DICOM files, for the head of every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.data.sources.dicom_headers import RADIOGRAPHS, DicomFolder, DicomHeader
from bench.data.sources.dicom_rows import RowImages
from bench.data.sources.table import Table
from bench.text import first_names, printable

NAMED = 2  # images of a kind; data.options.patient_ids=as_written names them by their files

Name = Callable[[DicomHeader], str]
"""The id of an image, which gives no patient away unless the user wants so."""


def about_files(
    folder: DicomFolder, distinct: Sequence[DicomHeader], *, table: Path, name: Name
) -> str:
    """A note on the number of images, their bits, and the files that are not read."""
    bits = Counter(header.bits or "unknown" for header in distinct)
    depths = ", ".join(f"{count:,} of {bit}" for bit, count in sorted(bits.items()))
    text = f"{len(distinct):,} DICOM images, {depths} bits"
    files = {header.file for header in distinct}
    repeats = [header for header in folder.images if header.file not in files]
    counts = {
        "DICOM without an image": folder.imageless,
        "of other kinds": sum(folder.root / file != table for file in folder.others),
        "of systems or masks": folder.skipped,
    }
    left_out = [
        *_named({"repeat the SOP Instance UID of another": repeats}, name),
        *(f"{count:,} {kind}" for kind, count in counts.items() if count),
    ]
    return f"{text}; files not read: {', '.join(left_out)}" if left_out else text


def about_rows(table: Table, found: RowImages) -> str:
    """A note on the join of the label table's rows to the images."""
    matched = [images for images in found.images if images]
    key = "names of the files" if found.key == "file" else f"{found.key} of the headers"
    text = (
        f"{table.name}: column {printable(found.column)!r} holds the {key}; {len(matched):,} of "
        f"its {len(found.images):,} rows are about images here"
    )
    if found.loose:
        part = "folder or suffix" if found.key == "file" else "leading zeros"
        text += f", {found.loose:,} of them without {part} or in other case"
    if several := [images for images in matched if len(images) > 1]:
        whole = "patient" if found.key == "PatientID" else "study"
        text += (
            f"; {len(several):,} of them about several, {sum(map(len, several)):,} in all, and "
            f"say the same of all images of the {whole}"
        )
    return text


def about_views(headers: Sequence[DicomHeader], kept: set[int]) -> list[str]:
    """A note on the number of images of each view; ``kept`` are those that the user wants."""
    counts = Counter(header.view or "unknown" for header in headers)
    views = ", ".join(f"{view} {counts[view]:,}" for view in sorted(counts))
    if len(kept) < len(headers):
        return [f"views: {views}; data.options.views leaves out {len(headers) - len(kept):,}"]
    return [f"views: {views} (data.options.views keeps some of them)"] if len(counts) > 1 else []


def about_kinds(headers: Sequence[DicomHeader], *, name: Name) -> list[str]:
    """A note on images that may not be what the user wants, and are kept."""
    others = [header for header in headers if header.modality not in RADIOGRAPHS]
    modalities = ", ".join(sorted({header.modality or "none" for header in others}))
    kinds = {
        "with burned-in text": [header for header in headers if header.burned_in],
        "secondary captures": [header for header in headers if header.secondary_capture],
        "of several frames": [header for header in headers if header.frames > 1],
        f"of other modalities, {modalities}": others,
        "without a window, which take the whole range of their bits": [
            header for header in headers if not header.windowed
        ],
    }
    found = _named(kinds, name)
    return [f"among the images: {'; '.join(found)}"] if found else []


def _named(kinds: dict[str, list[DicomHeader]], name: Name) -> list[str]:
    """The number of images of each kind there is, and the names of the first."""
    return [
        f"{len(headers):,} {kind} ({first_names([name(header) for header in headers], NAMED)})"
        for kind, headers in kinds.items()
        if headers
    ]
