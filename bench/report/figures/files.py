"""Pictures as files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError
from bench.evaluate.results import Table
from bench.report.figures.page import pictures
from bench.report.figures.style import house_style
from bench.report.words import any_of

FORMATS = ("png", "pdf", "svg")
DPI = 200
# Dates would make each file another one.
_METADATA: dict[str, dict[str, None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


def write_figures(tables: Sequence[Table], folder: Path, *, formats: Sequence[str]) -> list[Path]:
    """Write every picture of some tables, on white ground.

    They are named by their picture, such as ``roc.png``; where there are several tables, the
    table's source, task, split and image size come first: ``nih_m1_patient_64_roc.png``.

    Args:
        tables: the comparisons.
        folder: made where it is not there.
        formats: some of ``FORMATS``.

    Returns:
        The paths, in the order in which they were written.

    Raises:
        InputError: there is no such format, or a file cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"figure format {name!r}: take {any_of(FORMATS)}")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for prefix, table in zip(_prefixes(tables), tables, strict=True):
            for picture in pictures(table):
                figure = picture.draw()
                for name in formats:
                    path = folder / f"{prefix}{picture.name}.{name}"
                    with house_style():
                        figure.savefig(path, dpi=DPI, facecolor="white", metadata=_METADATA[name])
                    written.append(path)
    except OSError as error:
        raise InputError(
            f"figures cannot be written to {str(folder)!r} ({error.strerror or error}): choose "
            "another folder"
        ) from None
    return written


def _prefixes(tables: Sequence[Table]) -> list[str]:
    """One a table, all different; "" for the only one."""
    if len(tables) == 1:
        return [""]
    stems = []
    for table in tables:
        data = table.data
        parts = (data["source"], data["task"], data["split"]["name"], data["image_size"])
        # Imported predictions have no image size, and a plugin's source may have any name.
        stems.append("_".join(re.sub(r"[^\w.-]+", "-", str(part)) for part in parts if part))
    numbers = [stems[: place + 1].count(stem) for place, stem in enumerate(stems)]
    return [
        # A tilde is in no stem, so that no number makes two names alike.
        f"{stem}~{number}_" if stems.count(stem) > 1 else f"{stem}_"
        for stem, number in zip(stems, numbers, strict=True)
    ]
