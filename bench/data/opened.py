"""The study that an experiment's data names; read without torch."""

from __future__ import annotations

from bench.config import DataConfig
from bench.data.names import printable
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.registry import DATASETS


def open_study(config: DataConfig) -> StudyTable:
    """Read the labels of the configured source.

    Raises:
        InputError: unknown source, missing files, wrong options, or not one usable image.
    """
    entry = DATASETS.get(config.source)
    study = entry.open(root=config.root, image_size=config.image_size, options=dict(config.options))
    if len(study.rows) == 0:
        first = study.problems[0] if study.problems else None
        why = f" (first problem: {printable(first.image)}: {first.detail})" if first else ""
        raise InputError(f"data source {study.name!r} has no usable image{why}")
    return study


def study_key(config: DataConfig) -> str:
    """The same for configs that :func:`open_study` opens alike; their splits may differ."""
    return repr((config.source, config.root, config.image_size, config.options))
