"""Figures as files."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError
from bench.evaluate.results import Results, Table
from bench.files import is_disk_full, make_folder, write_bytes
from bench.report.figures.questions import question_picture
from bench.report.figures.style import house_style
from bench.report.figures.tables import pictures

# Without a date, two files of the same figure are equal.
METADATA: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
DPI = 200


def write_figures(results: Results, folder: Path, *, formats: Sequence[str]) -> list[Path]:
    """Write every figure of the tables, and one of each question, on white ground.

    A file has the name of its picture: ``roc.png``, ``question_EXPERIMENT.png``. With several
    tables, source, task, split and image size come first: ``nih_m1_patient_64_roc.png``.

    Args:
        results: with the tables and the questions; those without an answer are left out.
    """
    answers = [answer for answer in results.questions if not answer.problem]
    # The records of an experiment that contradict each other give it several answers.
    stems = _different([f"question_{answer.experiment}" for answer in answers])
    named = [
        (f"{prefix}{picture.name}", picture)
        for prefix, table in zip(_prefixes(results.tables), results.tables, strict=True)
        for picture in pictures(table)
    ]
    named += zip(stems, map(question_picture, answers), strict=True)
    written = []
    try:
        make_folder(folder)
        for stem, picture in named:
            figure = picture.draw()
            for name in formats:
                path = folder / f"{stem}.{name}"
                buffer = io.BytesIO()
                with house_style():
                    figure.savefig(
                        buffer, format=name, dpi=DPI, facecolor="white", metadata=METADATA.get(name)
                    )
                write_bytes(path, buffer.getbuffer())
                written.append(path)
    except OSError as error:
        if is_disk_full(error):
            raise
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
    return [f"{stem}_" for stem in _different(stems)]


def _different(stems: Sequence[str]) -> list[str]:
    """Equal ones are numbered behind a tilde, which is in no stem."""
    return [
        f"{stem}~{stems[:position].count(stem) + 1}" if stems.count(stem) > 1 else stem
        for position, stem in enumerate(stems)
    ]
