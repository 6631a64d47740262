"""Anyone's own images: a CSV file with a path and a label column.

Optional columns give patient, view, sex, age and split. Paths are relative to the CSV file's
folder, or absolute.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.image_files import FileReader
from bench.data.sources.labels import Label, not_csv, parse_ages, parse_label, sort_out
from bench.data.study import Problem, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.registry.datasets import SourceOptions, register_dataset

ABNORMAL = "abnormal"  # the one finding of a column of zeros and ones

SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
_BINARY = {"0": "normal", "0.0": "normal", "1": ABNORMAL, "1.0": ABNORMAL}


class ManifestOptions(SourceOptions):
    """``data.options`` of the source ``manifest``.

    Attributes:
        csv: the CSV file's name in the root folder; unused where the root is the file itself.
        path_column: the column of image paths.
        label_column: the column of labels.
        patient_column: and the four after it: the optional columns. Where one is left out, a
            column named ``patient``, ``view``, ``sex``, ``age`` or ``split`` is used if there
            is one.
        normal_labels: labels of a normal image, in any case.
        label_separator: what stands between two findings of one image.
        findings: the finding names, in the order of reports; left out, those that occur.
    """

    csv: str = "manifest.csv"
    path_column: str = "path"
    label_column: str = "label"
    patient_column: str | None = None
    view_column: str | None = None
    sex_column: str | None = None
    age_column: str | None = None
    split_column: str | None = None
    normal_labels: tuple[str, ...] = ("normal", "no finding", "no_finding", "healthy", "negative")
    label_separator: str = "|"
    findings: tuple[str, ...] | None = None


@register_dataset(
    "manifest",
    description="your own images: a CSV file with a path and a label column",
    options_model=ManifestOptions,
)
def open_manifest(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- files are resized when they are decoded
    options: ManifestOptions,
) -> StudyTable:
    """The images that a CSV file lists.

    An image's id is its path as the CSV file gives it, with forward slashes. A column of zeros
    and ones is read as normal and the finding "abnormal".

    Args:
        root: the CSV file, or the folder with ``options.csv``.
        image_size: unused.
        options: names of the columns and of the labels.

    Raises:
        InputError: no such file or column, a file that is no CSV, or a split that is not train,
            validation or test.
    """
    file = root / options.csv if root.is_dir() else root
    table = _read(file)
    columns, notes = _choose_columns(options, table.columns, file.name)
    texts = {ours: table[theirs].str.strip().tolist() for ours, theirs in columns.items()}
    images = [path.replace("\\", "/") for path in texts["path"]]
    if "" in images:
        raise InputError(
            f"{file.name}, data row {images.index('') + 1}: column {columns['path']!r} is empty"
        )
    labels = _labels(texts["label"], options)
    good, problems = sort_out(images, labels)
    files = {images[row]: file.parent / images[row] for row in np.flatnonzero(good)}
    missing = {image for image, path in files.items() if not path.is_file()}
    problems += tuple(
        Problem(kind="missing", image=image, detail="listed, but the file is not there")
        for image in sorted(missing)
    )
    keep = [row for row in np.flatnonzero(good) if images[row] not in missing]
    data: dict[str, Sequence[object]] = {
        "image": [images[row] for row in keep],
        "findings": [labels[row].findings for row in keep],
    }
    for name in ("patient", "view"):
        if name in texts:
            data[name] = [texts[name][row] for row in keep]
    if "sex" in texts:
        sexes = [_SEXES.get(text.lower(), "") for text in texts["sex"]]
        data["sex"] = [sexes[row] for row in keep]
        strange = sum(bool(text) and not sex for text, sex in zip(texts["sex"], sexes, strict=True))
        if strange:
            notes.append(f"{strange:,} entries of the sex column were taken as unknown")
    if "age" in texts:
        ages, age_notes = parse_ages(texts["age"])
        data["age"] = ages[keep].tolist()
        notes += age_notes
    if "split" in texts:
        splits = _splits(texts["split"], file.name, columns["split"])
        data["given_split"] = [splits[row] for row in keep]
    seen = {name for label in labels for name in label.findings}
    return StudyTable(
        name="manifest",
        rows=study_rows(data),
        finding_names=tuple(sorted(seen)) if options.findings is None else options.findings,
        reader=FileReader(
            {image: files[image] for image in data["image"] if isinstance(image, str)}
        ),
        notes=tuple(notes),
        problems=problems,
    )


def _read(file: Path) -> pd.DataFrame:
    """The CSV file as texts."""
    if not file.is_file():
        others = ", ".join(sorted(path.name for path in file.parent.glob("*.csv"))[:5])
        hint = f"did you mean {others} (data.options.csv)?" if others else "name it with --data"
        raise InputError(f"no {file.name} in {str(file.parent)!r}: {hint}")
    try:
        table = pd.read_csv(file, dtype=str, na_filter=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        raise InputError(f"{file.name} is empty") from None
    except (OSError, ValueError) as error:
        raise not_csv(file, error) from None
    if not isinstance(table.index, pd.RangeIndex):
        # pandas has taken the first column for an index, and every other by its neighbour's name.
        raise InputError(f"{file.name}: the rows have more fields than the header")
    return table.rename(columns=str.strip)


def _choose_columns(
    options: ManifestOptions, present: Sequence[str] | pd.Index, file: str
) -> tuple[dict[str, str], list[str]]:
    """Our names → the file's columns, and a note on those found by their standard names."""
    columns = {}
    found = []
    for ours in ("path", "label", "patient", "view", "sex", "age", "split"):
        theirs: str | None = getattr(options, f"{ours}_column")
        if theirs is None and ours in present:
            found.append(ours)
            theirs = ours
        if theirs is None:
            continue
        if theirs not in present:
            hint = near_matches(theirs, list(present))
            raise InputError(
                f"{file} has no column {theirs!r} (data.options.{ours}_column): {hint}"
            )
        columns[ours] = theirs
    return columns, [f"columns of {file} used by their names: {', '.join(found)}"] if found else []


def _labels(texts: list[str], options: ManifestOptions) -> list[Label]:
    names_ones = options.findings is not None and ABNORMAL not in options.findings
    if not names_ones and {text for text in texts if text} <= _BINARY.keys():
        texts = [_BINARY.get(text, "") for text in texts]
        normal = {"normal"}
    else:
        normal = {label.strip().lower() for label in options.normal_labels}
    by_text = {
        text: parse_label(
            text, separator=options.label_separator, normal=normal, known=options.findings
        )
        for text in set(texts)
    }
    return [by_text[text] for text in texts]


def _splits(texts: list[str], file: str, column: str) -> list[str]:
    for row, text in enumerate(texts):
        if text.lower() not in SPLITS:
            raise InputError(
                f"{file}, data row {row + 1}: {text!r} in column {column!r} is no split: use "
                "train, validation or test"
            )
    return [SPLITS[text.lower()] for text in texts]
