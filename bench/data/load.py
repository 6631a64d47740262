"""Opening the data source that an experiment names: its labels, with or without its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.config import DataConfig
from bench.data.check import refusal, usable
from bench.data.pixel_store import open_pixels
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.registry import DATASETS
from bench.text import printable


def open_study(config: DataConfig) -> StudyTable:
    """Read the labels of the configured source.

    Raises:
        InputError: unknown source, missing files, wrong options, or not one usable image.
    """
    entry = DATASETS.get(config.source)
    study = entry.open(root=config.root, image_size=config.image_size, options=dict(config.options))
    if len(study.rows) == 0:
        first = study.problems[0] if study.problems else None
        reason = f" (first problem: {printable(first.image)}: {first.detail})" if first else ""
        raise InputError(f"data source {study.name!r} has no usable image{reason}")
    return study


def open_labels(config: DataConfig) -> StudyTable:
    """Read the label files, without looking at an image where the source can do so.

    Returns:
        The table with the column ``digest``, which is "" (unknown) everywhere.

    Raises:
        InputError: unknown source, missing files, wrong options, no row that can be used, or
            rows that cannot be used and are not to be skipped.
    """
    table = DATASETS.get(config.source).open_labels(
        root=config.root, image_size=config.image_size, options=dict(config.options)
    )
    return _accepted(replace(table, rows=table.rows.assign(digest="")), config)


def open_decoded(
    config: DataConfig, *, cache: Path, progress: Callable[[int, int], None] | None = None
) -> StudyTable:
    """Read the labels and decode the images, as a run would.

    Args:
        config: the experiment's ``data``.
        cache: folder of decoded pixels.
        progress: called with images decoded and images in all.

    Returns:
        The table of the images that can be used, with the columns ``digest`` and ``pixel_row``.

    Raises:
        InputError: as :func:`open_labels`, of labels and pixels together.
    """
    study = open_study(config)
    store = open_pixels(study, image_size=config.image_size, cache=cache, progress=progress)
    rows, problems = usable(study, store)
    return _accepted(replace(study, rows=rows, problems=problems), config)


def _accepted(table: StudyTable, config: DataConfig) -> StudyTable:
    """The table if a run would take it, with a note on skipped images."""
    if not table.problems:
        return table
    if config.on_bad == "refuse":
        raise InputError(refusal(table.problems))
    skipped = len({problem.image for problem in table.problems})
    note = f"images that cannot be used and are skipped (see bench data check): {skipped:,}"
    return replace(table, notes=(*table.notes, note))
