"""ChestX-ray14 as NIH or Kaggle unpack it, whole or in part.

Wang et al., "ChestX-ray8", CVPR 2017. In the root folder lie ``Data_Entry_2017*.csv``, or another
file with its header, such as ``sample_labels.csv`` of Kaggle's sample, and, for the official
split, ``train_val_list.txt`` and ``test_list.txt``; the images lie there too, or in ``images/``,
``images_001/images/``, ``images_002/images/``, …
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.data.image_files import DEEPEST, SUFFIXES, FileReader
from bench.data.sources.labels import join_rows, parse_ages, parse_labels
from bench.data.sources.patients import parse_patients
from bench.data.sources.table import is_table, read_cells
from bench.data.sources.words import NORMAL, UNKNOWN
from bench.data.study import COLUMNS, NIH_FINDINGS, Problem, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.registry.datasets import register_dataset
from bench.registry.options import SourceOptions
from bench.text import first_names, printable

LISTS = {"train_val_list.txt": "train_validation", "test_list.txt": "test"}

# Column of the label file → ours. The sex column's name differs between releases.
_COLUMNS = {
    "Image Index": "image",
    "Finding Labels": "label",
    "Follow-up #": "follow_up",
    "Patient ID": "patient",
    "Patient Age": "age",
    "Patient Gender": "sex",
    "Patient Sex": "sex",
    "View Position": "view",
}


_NEEDED = ("Image Index", "Finding Labels", "Patient ID")


def read_labels(
    root: Path,
    options: SourceOptions | None = None,  # noqa: ARG001 -- it has none
) -> StudyTable:
    """Read the label file and the official lists, without looking for images."""
    file, notes = _label_file(root)
    table, table_notes = _read_columns(file)
    # NIH's ids are numbers: "00000013" and "13" are one person.
    table["patient"], patient_notes = parse_patients(table["patient"].tolist(), ids="number")
    read, names, label_notes = parse_labels(
        table["label"].tolist(), separator="|", normal=NORMAL, known=NIH_FINDINGS,
        unlabelled=UNKNOWN,
    )  # fmt: skip
    beside = {"patient": table["patient"].tolist()}
    labels = join_rows(
        table["image"].tolist(), read, names=names, beside=beside, several_rows=None,
        notes=label_notes,
    )  # fmt: skip
    ages, age_notes = parse_ages(table["age"].tolist())
    splits, split_notes = _official_splits(root, table["image"])
    table = table.assign(
        findings=pd.Series(labels.findings, dtype=object),
        age=ages,
        follow_up=pd.to_numeric(table["follow_up"], errors="coerce"),
        given_split=splits,
    )[labels.usable]
    return StudyTable(
        name="nih",
        rows=study_rows({name: table[name].tolist() for name in COLUMNS}),
        finding_names=NIH_FINDINGS,
        notes=(*notes, *table_notes, *patient_notes, *labels.notes, *age_notes, *split_notes),
        problems=labels.problems,
    )


@register_dataset(
    "nih",
    description="ChestX-ray14 as NIH or Kaggle unpack it, whole or in part",
    read_labels=read_labels,
)
def open_nih(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- files are resized when they are decoded
    options: SourceOptions,
) -> StudyTable:
    """The images of ChestX-ray14 that are in a folder, with their labels.

    Rows of the label file without an image are no problem (a partial download is normal) and
    are counted in a note; an image without a row, or in two folders, is one.
    """
    labels = read_labels(root, options)
    files = find_images(root)
    listed = {*labels.rows["image"], *(problem.image for problem in labels.problems)}
    here = listed & files.keys()
    if not here:
        raise InputError(
            f"none of the {len(listed):,} images of the label file are in {str(root)!r}: they "
            "belong there or in images/ or images_001/images/, images_002/images/, … below it; "
            "`bench data make FOLDER` sees what is there"
        )
    problems = [problem for problem in labels.problems if problem.image in files]
    for image in sorted(files.keys() - listed):
        detail = f"{files[image][0].relative_to(root)} has no row in the label file"
        problems.append(Problem(kind="unlabelled", image=image, detail=detail))
    several = {image for image in here if len(files[image]) > 1}
    for image in sorted(several - {problem.image for problem in problems}):
        folders = " and ".join(str(file.parent.relative_to(root)) for file in files[image])
        problems.append(Problem(kind="duplicated", image=image, detail=f"lies in {folders}"))
    count = f"{len(here):,} of the {len(listed):,} images of the label file are here"
    return replace(
        labels,
        rows=labels.rows[labels.rows["image"].isin(here - several)].reset_index(drop=True),
        reader=FileReader({image: paths[0] for image, paths in files.items()}),
        full_scale=DEEPEST,
        notes=(count, *labels.notes),
        problems=tuple(problems),
    )


def find_images(root: Path) -> dict[str, list[Path]]:
    """Every path of each image file name, in the root, ``images*/`` and ``images*/images/``."""
    files: dict[str, list[Path]] = {}
    folders = [root]
    for folder in sorted(root.glob("images*/")):
        folders += [folder, folder / "images"]
    for folder in folders:
        if not folder.is_dir():
            continue
        # scandir knows each entry's kind without a call per file, of which there are 112,120.
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.lower().endswith(SUFFIXES) and name[0] != "." and entry.is_file():
                    files.setdefault(name, []).append(folder / name)
    return files


def _label_file(root: Path) -> tuple[Path, list[str]]:
    """NIH's own label file, or the one that has its header, and a note where there are several."""
    found = sorted(root.glob("Data_Entry_2017*.csv"))
    if not found:
        files = sorted(root.iterdir()) if root.is_dir() else []
        found = [file for file in files if is_table(file.name) and _has_header(file)]
    if not found:
        raise InputError(
            f"no Data_Entry_2017*.csv in {str(root)!r}, nor another file with its header: give the "
            "folder into which ChestX-ray14 was unpacked with --data"
        )
    if not found[0].name.startswith("Data_Entry_2017") and len(found) > 1:
        names = first_names([file.name for file in found], 3)
        raise InputError(f"several label files in {str(root)!r}: {names}: leave one of them")
    chosen = next((file for file in found if "_v2020" in file.name), found[0])
    others = ", ".join(file.name for file in found if file != chosen)
    return chosen, [f"labels are from {chosen.name}, not {others}"] if others else []


def _has_header(file: Path) -> bool:
    """Whether a file is a table that has the columns of NIH's label file."""
    try:
        return {*_NEEDED} <= {*read_cells(file).rows[0]}
    except InputError:
        return False


def _read_columns(file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The wanted columns of the label file as texts, "" where a column is absent, and notes."""
    cells = read_cells(file)
    # By position: "OriginalImage[Width,Height]" heads two columns. Where it is quoted, or a comma
    # ends the lines, a reader that goes by names shifts the columns; the wanted ones all stand to
    # its left.
    header, rows = cells.rows[0], cells.rows[1:]
    wanted = {_COLUMNS[name]: position for position, name in enumerate(header) if name in _COLUMNS}
    for name in _NEEDED:
        if _COLUMNS[name] not in wanted:
            raise InputError(
                f"{cells.name} has no column {name!r} (is it NIH's label file?): "
                + printable(near_matches(name, header))
            )
    if not rows:
        raise InputError(f"{cells.name} has no rows")
    needed = max(wanted.values())
    for line, row in zip(cells.lines[1:], rows, strict=True):
        if len(row) <= needed:
            raise InputError(
                f"{cells.name}, line {line}: {len(row)} cells, where {needed + 1} are needed: use "
                "the label file as it was downloaded"
            )
    columns = pd.DataFrame(
        {ours: [row[n] for row in rows] for ours, n in wanted.items()}, dtype=object
    )
    names = list(dict.fromkeys(_COLUMNS.values()))
    return columns.reindex(columns=names, fill_value=""), cells.notes


def _official_splits(root: Path, images: pd.Series[str]) -> tuple[pd.Series[str], list[str]]:
    """Each image's official split ("" for none), and notes on what the lists lack."""
    absent = [name for name in LISTS if not (root / name).is_file()]
    if absent:
        note = f"no official split: {' and '.join(absent)} not found"
        return pd.Series("", index=images.index), [note]
    splits: dict[str, str] = {}
    for name, split in LISTS.items():
        try:
            # split() takes CRLF, blank lines and a last line without a newline alike.
            listed = (root / name).read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{name} cannot be read: {error}: use the official lists as they were downloaded"
            ) from None
        both = splits.keys() & set(listed)
        if both:
            raise InputError(
                f"{len(both):,} images are in both {' and '.join(LISTS)} ({min(both)} is one): "
                "use the official lists as they were downloaded"
            )
        splits |= dict.fromkeys(listed, split)
    found = images.map(splits).fillna("")
    notes = []
    if without := int((found == "").sum()):
        notes.append(f"{without:,} images of the label file are in neither official list")
    if rowless := len(splits.keys() - set(images)):
        notes.append(f"{rowless:,} entries of the official lists have no row in the label file")
    return found, notes
