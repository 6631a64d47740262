"""Opening the data source that an experiment names: its labels, with or without its images."""

from __future__ import annotations

from dataclasses import replace

from bench.cache import pixel_cache
from bench.config import DataConfig
from bench.data.pixel_store import PixelStore, open_pixels
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.progress import Progress
from bench.registry import DATASETS
from bench.text import first_names, printable

AGAIN = "; pixels are from an earlier decoding: `bench data check --again` decodes anew"
NAMED = 3  # images of each kind of problem in the message of a refusal


def read_study(config: DataConfig) -> StudyTable:
    """The labels of the configured source, perhaps without a usable image."""
    entry = DATASETS.get(config.source)
    return entry.open(root=config.root, image_size=config.image_size, options=config.options)


def open_study(config: DataConfig) -> StudyTable:
    """The labels of the configured source, with one usable image at least."""
    study = read_study(config)
    _refuse_empty(study)
    return study


def open_labels(config: DataConfig) -> StudyTable:
    """The labels for a plan; no image is opened where the source has label files.

    The column ``digest`` of the table is "" (unknown) everywhere.
    """
    study = DATASETS.get(config.source).open_labels(
        root=config.root, image_size=config.image_size, options=config.options
    )
    refuse_problems(study, config)
    _refuse_empty(study)
    return replace(study, rows=study.rows.assign(digest=""))


def _refuse_empty(study: StudyTable) -> None:
    if study.rows.empty:
        first = study.problems[0] if study.problems else None
        reason = f" (first problem: {printable(first.image)}: {first.detail})" if first else ""
        raise InputError(
            f"data source {study.name!r} has no usable image{reason}: see `bench data check`"
        )


def decode_study(
    study: StudyTable, config: DataConfig, progress: Progress, *, label: str = "decoding images"
) -> tuple[StudyTable, PixelStore]:
    """Decode the images of a study (or open them where that was done before).

    The part of the study that a run can use comes back, from :meth:`PixelStore.usable`, with its
    pixels.
    """
    store = open_pixels(
        study,
        image_size=config.image_size,
        cache=pixel_cache(),
        progress=lambda done, total: progress.advance(label, done, total),
    )
    usable = store.usable(study)
    refuse_problems(usable, config, hint=AGAIN if store.reused and store.problems else "")
    return usable, store


def decode_source(
    config: DataConfig, progress: Progress, *, label: str = "decoding images"
) -> tuple[StudyTable, PixelStore]:
    """Open the configured source and decode it as a run does; see :func:`decode_study`."""
    return decode_study(open_study(config), config, progress, label=label)


def refuse_problems(study: StudyTable, config: DataConfig, *, hint: str = "") -> None:
    """Refuse a study with images that cannot be used, unless they are to be skipped."""
    if not study.problems or config.on_bad == "skip":
        return
    kinds = [
        f"{len(problems):,} {kind}: " + first_names([problem.image for problem in problems], NAMED)
        for kind, problems in study.problems_by_kind.items()
    ]
    images, them = (
        ("1 image", "it") if study.skipped == 1 else (f"{study.skipped:,} images", "them")
    )
    raise InputError(
        f"{images} cannot be used ({'; '.join(kinds)}): see `bench data check`, mend {them}, or "
        f"set data.on_bad=skip{hint}"
    )
