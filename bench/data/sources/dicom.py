"""A folder of DICOM files with a label table, as archives and hospital systems export them.

The rows of the table are joined to the images by what the headers say
(:mod:`bench.data.sources.dicom_rows`). Patient, sex, age and view are the headers'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from bench.data.image_files import FileReader
from bench.data.sources.dicom_headers import DicomFolder, DicomHeader, read_headers
from bench.data.sources.dicom_notes import about_files, about_kinds, about_rows, about_views
from bench.data.sources.dicom_rows import Key, RowImages, find_images
from bench.data.sources.finding_columns import find_columns
from bench.data.sources.label_options import LabelOptions, read_label_table
from bench.data.sources.labels import LabelColumn, about_labels, parse_ages
from bench.data.sources.pseudonyms import pseudonym, read_salt
from bench.data.sources.table import TABLES, Table, is_table, read_table
from bench.data.sources.words import UNKNOWN, fold
from bench.data.study import GrayValues, ImageError, Problem, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.datasets import register_dataset
from bench.text import first_names

NAMED = 5  # tables in a message


class DicomOptions(LabelOptions):
    """``data.options`` of the source ``dicom``."""

    labels: str | None = None
    """The label table, below the folder or by its full path; left out, the only one there."""
    key: Key | None = None
    """Key that identifies the images of a row: ``SOPInstanceUID``, ``file`` (name or path),
    ``StudyInstanceUID``, ``AccessionNumber`` or ``PatientID``; left out, it is found, and a note
    says it.
    """
    key_column: str | None = None
    """The column of the label table that holds the key; left out, it is found."""
    views: tuple[str, ...] | None = None
    """Views to keep, such as ``[PA, AP, unknown]``; left out, all, and a note counts them."""
    patient_ids: Literal["hashed", "as_written"] = "hashed"
    """``hashed`` names patients and images by salted hashes; ``as_written`` by Patient ID and file.
    """


@register_dataset(
    "dicom",
    description="a folder of DICOM files and a label table, joined by what the headers say",
    options_model=DicomOptions,
)
def open_dicom(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- files are resized when they are decoded
    options: DicomOptions,
) -> StudyTable:
    """The DICOM images of a folder that a label table is about.

    Files with one SOP Instance UID are one image. One row may be about several images, those of
    its study or patient. Images without a row are problems; rows without an image are counted.
    Images of several frames, with burned-in text, of another modality than radiography or without
    a window are counted and kept.

    An image's id is made of its SOP Instance UID, or is its path (``options.patient_ids``).
    """
    folder = _read_folder(root)
    table = read_table(file := _table_file(folder, options), header=options.header)
    headers = _distinct(folder.images)
    names = _Names(hashed=options.patient_ids == "hashed")
    ids = [names.image(header) for header in headers]
    kept = _kept(headers, options.views)
    found = _find_images(table, headers, options)
    labels, numbers = _read_labels(table, found, options, ids=ids, kept=kept)
    usable = labels.usable.nonzero()[0]
    columns, age_notes = _of_headers([headers[numbers[row]] for row in usable], names)
    columns |= {"findings": [labels.findings[row] for row in usable]}
    rows = study_rows(columns | {"image": [ids[numbers[row]] for row in usable]})
    files = {image: header.file for image, header in zip(ids, headers, strict=True)}
    lacking = [
        Problem(kind="unlabelled", image=ids[number], detail=f"no row of {table.name}")
        for number in sorted(kept - set(numbers))
    ]
    return StudyTable(
        name="dicom",
        rows=rows,
        finding_names=labels.names,
        reader=_Reader(root, files),
        full_scale=options.full_scale,
        notes=(
            *table.notes,
            about_files(folder, headers, table=file, name=names.image),
            about_rows(table, found),
            *about_views(headers, kept),
            *about_kinds([headers[n] for n in sorted(kept)], name=names.image),
            *labels.notes,
            *age_notes,
            about_labels(rows["findings"]),
            *names.notes,
        ),
        problems=(
            *(names.with_file(each, files[each.image]) for each in (*labels.problems, *lacking)),
            *(names.damaged(file, detail) for file, detail in folder.damaged.items()),
        ),
    )


def header_columns(root: Path) -> dict[str, Sequence[object]]:
    """The columns of a study table that headers give, of images whose labels nobody knows yet.

    Images are named by their paths, patients by salted hashes.
    """
    headers = _distinct(_read_folder(root).images)
    columns, _ = _of_headers(headers, _Names(hashed=True))
    return {"image": [header.file for header in headers], **columns}


def _read_folder(root: Path) -> DicomFolder:
    folder = read_headers(root)
    if not folder.images:
        raise InputError(
            f"no DICOM image among the {len(folder.others):,} files of {str(root)!r}: name the "
            "folder of an export (--data FOLDER)"
        )
    return folder


def _of_headers(
    headers: Sequence[DicomHeader], names: _Names
) -> tuple[dict[str, Sequence[object]], tuple[str, ...]]:
    """The columns of a study table that headers give, and notes on ages."""
    ages, notes = parse_ages([header.age for header in headers])
    columns: dict[str, Sequence[object]] = {
        "patient": [names.patient(header) for header in headers],
        "view": [header.view for header in headers],
        "sex": [header.sex if header.sex in ("F", "M") else "" for header in headers],
        "age": ages.tolist(),
    }
    return columns, notes


class _Names:
    """The ids of images and patients, as they are written or hashed."""

    def __init__(self, *, hashed: bool) -> None:
        self._salt = read_salt() if hashed else None

    def image(self, header: DicomHeader) -> str:
        if self._salt is None:
            return header.file
        return pseudonym("image", header.sop_instance_uid or header.file, salt=self._salt)

    def patient(self, header: DicomHeader) -> str:
        text = "" if fold(header.patient_id) in UNKNOWN else header.patient_id
        return text if self._salt is None else pseudonym("patient", text, salt=self._salt)

    def with_file(self, problem: Problem, file: str) -> Problem:
        """A problem that names the file too, where the image's id does not."""
        detail = problem.detail if self._salt is None else f"{file}: {problem.detail}"
        return replace(problem, detail=detail)

    def damaged(self, file: str, detail: str) -> Problem:
        """The problem of a file whose header cannot be read."""
        image = file if self._salt is None else pseudonym("image", file, salt=self._salt)
        return self.with_file(Problem(kind="unreadable", image=image, detail=detail), file)

    @property
    def notes(self) -> tuple[str, ...]:
        if self._salt is None:
            return ()
        return ("images and patients are named by salted hashes (data.options.patient_ids)",)


class _Reader(FileReader):
    """Reads files whose names are not those of the images, and says them where one fails."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        super().__init__({image: root / file for image, file in files.items()})
        self._names = files

    def read(self, image: str) -> GrayValues:
        """See :meth:`bench.data.study.PixelReader.read`."""
        try:
            return super().read(image)
        except ImageError as error:
            raise ImageError(error.kind, f"{self._names[image]}: {error}") from None


def _table_file(folder: DicomFolder, options: DicomOptions) -> Path:
    """The label table that the options name, or the only one there is, outermost first."""
    if options.labels is not None:
        return folder.root / options.labels
    tables = [
        file
        for file in folder.others
        if is_table(file) and not file.rpartition("/")[2].startswith("~$")
    ]
    tables = [file for file in tables if "/" not in file] or tables
    # A text may be about anything.
    tables = [file for file in tables if not file.lower().endswith(".txt")] or tables
    if len(tables) == 1:
        return folder.root / tables[0]
    hint = "set data.options.labels to the path of the table"
    if not tables:
        raise InputError(f"no label table ({', '.join(TABLES)}) in {str(folder.root)!r}: {hint}")
    raise InputError(
        f"{len(tables):,} tables in {str(folder.root)!r} may hold the labels "
        f"({first_names(tables, NAMED)}): {hint}"
    )


def _distinct(images: Sequence[DicomHeader]) -> list[DicomHeader]:
    """The first file of each SOP Instance UID."""
    first = {header.sop_instance_uid or header.file: header for header in reversed(images)}
    return sorted(first.values(), key=lambda header: header.file)


def _kept(headers: Sequence[DicomHeader], views: Sequence[str] | None) -> set[int]:
    """Numbers of the images of the wanted views."""
    if views is None:
        return set(range(len(headers)))
    # An image without a view is "unknown" in the note that counts them.
    wanted = {view.upper().replace("UNKNOWN", "") for view in views}
    kept = {number for number, header in enumerate(headers) if header.view in wanted}
    if not kept:
        present = ", ".join(sorted({header.view or "unknown" for header in headers}))
        raise InputError(
            f"no image has a view of data.options.views={list(views)}: there are {present}"
        )
    return kept


def _find_images(table: Table, headers: Sequence[DicomHeader], options: DicomOptions) -> RowImages:
    patterns = options.finding_columns
    label = table.find(options.label_column) or options.label_column
    labels = find_columns(table, patterns, taken=()) if patterns else [label]
    return find_images(table, headers, key=options.key, key_column=options.key_column, taken=labels)


def _read_labels(
    table: Table, found: RowImages, options: DicomOptions, *, ids: Sequence[str], kept: set[int]
) -> tuple[LabelColumn, list[int]]:
    """The labels of one row for each image of each row, and the numbers of these images."""
    pairs = [(row, n) for row, images in enumerate(found.images) for n in images if n in kept]
    if not pairs:
        raise InputError(
            f"{table.name}: no row is about an image of data.options.views={options.views}"
        )
    rows = [row for row, _ in pairs]
    repeated = replace(
        table,
        rows=table.rows.iloc[rows].reset_index(drop=True),
        lines=[table.lines[row] for row in rows],
    )
    numbers = [number for _, number in pairs]
    labels = read_label_table(
        repeated,
        options,
        images=[ids[number] for number in numbers],
        beside={},
        taken={found.column},
    )
    return labels, numbers
