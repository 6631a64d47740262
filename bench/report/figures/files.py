"""Figures as files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError
from bench.evaluate.results import Table
from bench.report.figures.pictures import pictures
from bench.report.figures.style import house_style
from bench.report.formatting import any_of

# With metadata that makes two files of the same figure equal.
FORMATS: dict[str, dict[str, None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
DPI = 200


def write_figures(tables: Sequence[Table], folder: Path, *, formats: Sequence[str]) -> list[Path]:
    """Write every figure of some tables on white ground.

    A file has the name of its picture, such as ``roc.png``. With several tables, source, task,
    split and image size come first: ``nih_m1_patient_64_roc.png``.

    Args:
        tables: the comparisons.
        folder: made where it does not exist.
        formats: some of ``FORMATS``.

    Returns:
        The paths, in the order of writing.

    Raises:
        InputError: a format is unknown, or a file cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"figure format {name!r}: take {any_of(list(FORMATS))}")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for prefix, table in zip(_prefixes(tables), tables, strict=True):
            for picture in pictures(table):
                figure = picture.draw()
                for name in formats:
                    path = folder / f"{prefix}{picture.name}.{name}"
                    with house_style():
                        figure.savefig(path, dpi=DPI, facecolor="white", metadata=FORMATS[name])
                    written.append(path)
    except OSError as error:
        raise InputError(
            f"figures cannot be written to {str(folder)!r} ({error.strerror or error}): choose "
            "another folder"
        ) from None
    return written


def _prefixes(tables: Sequence[Table]) -> list[str]:
    """A different prefix for each table; "" for a single table."""
    if len(tables) == 1:
        return [""]
    stems = []
    for table in tables:
        data = table.data
        parts = (data.source, data.task, data.split.name, data.image_size)
        # Imported predictions have no image size, and a plugin's source may have any name.
        stems.append("_".join(re.sub(r"[^\w.-]+", "-", str(part)) for part in parts if part))
    total, seen = Counter(stems), Counter[str]()
    prefixes = []
    for stem in stems:
        seen[stem] += 1
        # A tilde is in no stem, so that a number makes no two prefixes equal.
        prefixes.append(f"{stem}~{seen[stem]}_" if total[stem] > 1 else f"{stem}_")
    return prefixes
