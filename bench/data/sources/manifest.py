"""Anyone's own images: a CSV file with a path and a label column.

Optional columns give patient, view, sex, age and split. Paths are relative to the CSV file's
folder, or absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.data.image_files import FileReader
from bench.data.sources.label_options import LabelOptions, read_label_table
from bench.data.sources.labels import about_labels, differing, parse_ages
from bench.data.sources.paths import find_images
from bench.data.sources.patients import PatientIds, PatientPattern, parse_patients, patients_in
from bench.data.sources.table import Table, is_table, read_table
from bench.data.sources.tree import are_class_folders, look
from bench.data.sources.words import PARTS, fold
from bench.data.study import COLUMNS, Problem, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.datasets import register_dataset

_SEXES = {
    "f": "F",
    "female": "F",
    "w": "F",
    "weiblich": "F",
    "m": "M",
    "male": "M",
    "männlich": "M",
}


class ManifestOptions(LabelOptions):
    """``data.options`` of the source ``manifest``."""

    csv: str = "manifest.csv"
    """The CSV file's name in the root folder; unused where the root is the file itself."""
    image_folder: Path | None = None
    """The folder that the paths start from, by its full path or from the CSV file's folder; left
    out, the CSV file's folder.
    """
    path_column: str = "path"
    """The column of image paths."""
    patient_column: str | None = None
    """The column of patients; left out, a column ``patient`` is used if there is one."""
    patient_pattern: PatientPattern | None = None
    r"""A regular expression with one group, the patient's id in an image's path, such as
    ``(patient\d+)/``, where no column has it.
    """
    patient_ids: PatientIds = "text"
    """``number`` joins ids that are one number in several spellings (7, 007, 7.0)."""
    view_column: str | None = None
    """The column of views; left out, a column ``view`` is used if there is one."""
    sex_column: str | None = None
    """The column of sexes; left out, a column ``sex`` is used if there is one."""
    age_column: str | None = None
    """The column of ages in years; left out, a column ``age`` is used if there is one."""
    split_column: str | None = None
    """The column of the parts; left out, a column ``split`` is used if there is one."""


def read_labels(root: Path, options: ManifestOptions) -> StudyTable:
    """Read the CSV file; images need not be there. See :func:`open_manifest`."""
    return _read(_table_file(root, options), options)[0]


def _read(file: Path, options: ManifestOptions) -> tuple[StudyTable, Mapping[str, str]]:
    """The labels, and one clause on each image that is not there, by its id."""
    table = read_table(file, header=options.header)
    columns, notes = _choose_columns(options, table)
    texts = pd.DataFrame(columns)
    if (empty := texts["path"] == "").any():
        raise InputError(
            f"{table.at(int(empty.argmax()))}: column {options.path_column!r} is empty: give each "
            "row its image"
        )
    listed = find_images(texts["path"].tolist(), _image_folder(file, options))
    images = listed.images
    if "split" in texts:
        texts["split"] = texts["split"].map(fold).map(PARTS).fillna("")
    notes += _read_patients(texts, images, options)
    labels = read_label_table(
        table,
        options,
        images=images,
        beside={name: texts[name].tolist() for name in ("patient", "split") if name in texts},
        taken={str(column.name) for column in columns.values()},
    )
    notes += labels.notes
    data: dict[str, object] = {"image": images, "findings": labels.findings}
    data |= {name: texts[name] for name in ("patient", "view") if name in texts}
    if "sex" in texts:
        data["sex"] = sexes = texts["sex"].str.lower().map(_SEXES).fillna("")
        if unknown := int(((texts["sex"] != "") & (sexes == "")).sum()):
            notes.append(f"{unknown:,} entries of the sex column were taken as unknown")
    if "age" in texts:
        data["age"], age_notes = parse_ages(texts["age"].tolist())
        notes += age_notes
    if "split" in texts:
        data["given_split"] = texts["split"]
    rows = pd.DataFrame(data)[labels.usable]
    if "split" in texts and (unknown := int((rows["given_split"] == "").sum())):
        have = "image has" if unknown == 1 else "images have"
        notes.append(f"split column: {unknown:,} {have} none of train, validation, test")
    notes += _about_first_rows(images, texts, set(rows["image"]))
    study = StudyTable(
        name="manifest",
        rows=study_rows({name: rows[name].tolist() for name in COLUMNS if name in rows}),
        finding_names=labels.names,
        notes=(*table.notes, *listed.notes, *notes, about_labels(rows["findings"])),
        problems=labels.problems,
    )
    return study, listed.missing


@register_dataset(
    "manifest",
    description="your own images: a CSV file with a path and a label column",
    options_model=ManifestOptions,
    read_labels=read_labels,
)
def open_manifest(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- files are resized when they are decoded
    options: ManifestOptions,
) -> StudyTable:
    """The images that a CSV file lists.

    An image's id is its path relative to the CSV file's folder (or ``options.image_folder``),
    normalised (``./a.png`` is ``a.png``) and with forward slashes, also where the CSV file gives
    the full path of a file in that folder, or a path that is not quite that of a file
    (:mod:`bench.data.sources.paths`): so ids, and with them fingerprints, agree between machines.
    The full path of a file elsewhere stays one, and holds on its machine only.

    A column of zeros and ones, of yes and no or of true and false is read as normal and the
    finding "abnormal". Splits other than train, validation and test become "" and are counted in
    a note.
    """
    file = _table_file(root, options)
    labels, details = _read(file, options)
    missing = [image for image in labels.rows["image"] if image in details]
    problems = (Problem(kind="missing", image=image, detail=details[image]) for image in missing)
    folder = _image_folder(file, options)
    files = {image: folder / image for image in labels.rows["image"]}
    return replace(
        labels,
        rows=labels.rows[~labels.rows["image"].isin(missing)].reset_index(drop=True),
        reader=FileReader(files),
        full_scale=options.full_scale,
        problems=(*labels.problems, *problems),
    )


def _image_folder(file: Path, options: ManifestOptions) -> Path:
    folder = file.parent / (options.image_folder or "")
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r} (data.options.image_folder)")
    return folder


def _read_patients(texts: pd.DataFrame, images: list[str], options: ManifestOptions) -> list[str]:
    """Put the patients into the texts, if they are known, and return notes on them."""
    if options.patient_pattern is not None:
        if "patient" in texts:
            raise InputError(
                "data.options.patient_pattern: there is a column of patients: leave one of them out"
            )
        texts["patient"], note = patients_in(images, options.patient_pattern)
        return [note]
    if "patient" not in texts:
        return []
    texts["patient"], notes = parse_patients(texts["patient"].tolist(), ids=options.patient_ids)
    return list(notes)


def _table_file(root: Path, options: ManifestOptions) -> Path:
    file = root / options.csv if root.is_dir() else root
    if not file.is_file():
        if file.parent.is_dir() and are_class_folders(look(file.parent)):
            raise InputError(
                f"no {file.name} in {str(file.parent)!r}, which holds folders of classes: read "
                "them with --config folders"
            )
        tables = [path.name for path in file.parent.glob("*.*") if is_table(path.name)]
        others = ", ".join(sorted(tables)[:5])
        hint = (
            f"did you mean {others} (data.options.csv)?"
            if others
            else ("name it with --data, or let `bench data make FOLDER` see what is there")
        )
        raise InputError(f"no {file.name} in {str(file.parent)!r}: {hint}")
    return file


def _choose_columns(
    options: ManifestOptions, table: Table
) -> tuple[dict[str, pd.Series[str]], list[str]]:
    """Our columns by our names, and a note on those found by their standard names."""
    columns = {}
    found = []
    for ours in ("path", "patient", "view", "sex", "age", "split"):
        theirs: str | None = getattr(options, f"{ours}_column")
        if theirs is None and (theirs := table.find(ours)) is not None:
            found.append(theirs)
        if theirs is not None:
            columns[ours] = table.column(theirs, option=f"data.options.{ours}_column")
    note = f"columns of {table.name} used by their names: {', '.join(found)}"
    return columns, [note] if found else []


def _about_first_rows(images: list[str], texts: pd.DataFrame, used: set[str]) -> list[str]:
    """A note on what only the first row of an image says."""
    columns = {name: texts[name].tolist() for name in ("view", "sex", "age") if name in texts}
    found = {image: names for image, names in differing(images, columns).items() if image in used}
    if not found:
        return []
    names = [name for name in columns if any(name in names for names in found.values())]
    return [
        f"images with rows that differ in {' or '.join(names)}: {len(found):,}; the first row "
        "of each is used"
    ]
