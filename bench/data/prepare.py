"""From a config to data that is ready to train on: table, pixels, split, targets, fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import DataConfig
from bench.data.check import refusal, usable
from bench.data.description import DataRecord, describe_data
from bench.data.leakage import Leakage, measure_leakage
from bench.data.normalisation import Normalisation, measure_normalisation
from bench.data.pixel_store import PIXEL_VERSION, PixelStore, open_pixels
from bench.data.splits import Split, draw_share, split_as_configured
from bench.data.study import Problem, StudyTable
from bench.data.tasks import Task, check_classes
from bench.data.thumbnails import note_store
from bench.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """Everything a cell needs of the data; the same for every cell of a matrix.

    Attributes:
        source: the data source's name.
        root: name of its folder or file, without the path; "" for a source without one.
        image_size: side in pixels.
        rows: the study table of the usable images, with ``pixel_row`` and ``digest``.
        pixels: (images, side, side) uint8 memory map, indexed by ``rows.pixel_row``.
        task: the question asked.
        targets: the answers, for every row (where the task asks about it).
        asked: which rows the task asks about.
        split: which rows are for what.
        parts: ``split``'s parts, less the rows that the task does not ask about, and of the
            training part the share that is learned from.
        leakage: what the parts share.
        normalisation: of the training pixels.
        notes: facts for the head of every report.
        skipped: what was left out, because ``data.on_bad`` is ``skip``.
        fingerprint: SHA-256 over labels and original pixels of all rows and the image size.
    """

    source: str
    root: str
    image_size: int
    rows: pd.DataFrame
    pixels: NDArray[np.uint8]
    task: Task
    targets: NDArray[Any]
    asked: NDArray[np.bool_]
    split: Split
    parts: dict[str, NDArray[np.int64]]
    leakage: tuple[Leakage, ...]
    normalisation: Normalisation
    notes: tuple[str, ...]
    skipped: tuple[Problem, ...]
    fingerprint: str

    def describe(self) -> DataRecord:
        """The record of the data that is stored with every run."""
        return describe_data(
            source=self.source,
            root=self.root,
            image_size=self.image_size,
            rows=self.rows,
            task=self.task,
            targets=self.targets,
            split=self.split,
            parts=self.parts,
            leakage=self.leakage,
            identical_images=_identical(self.rows["digest"]),
            normalisation=self.normalisation,
            notes=self.notes,
            skipped=self.skipped,
            fingerprint=self.fingerprint,
        )


def prepare_data(
    config: DataConfig,
    task: Task,
    *,
    study: StudyTable,
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> PreparedData:
    """Decode pixels (or open them where that was done before), split, check.

    Args:
        config: the experiment's ``data``.
        task: the question.
        study: the labels, from :func:`bench.data.load.open_study`.
        cache: folder of decoded pixels.
        progress: called with images decoded and images in all.

    Raises:
        InputError: images that cannot be used and are not to be skipped, an impossible split,
            a part with a single class, or anything wrong with the source.
    """
    store = open_pixels(study, image_size=config.image_size, cache=cache, progress=progress)
    rows, problems = usable(study, store)
    if problems and config.on_bad == "refuse":
        raise InputError(refusal(problems))
    split = split_as_configured(rows, config)
    asked = task.select(rows)
    targets = task.targets(rows)
    learned_from = {**split.parts, "train": draw_share(rows, split, share=config.train_share)}
    parts = {name: places[asked[places]] for name, places in learned_from.items()}
    check_classes(task, targets, parts)
    pixel_rows = rows["pixel_row"].to_numpy(dtype=np.int64)
    of_all = fingerprint(rows, config.image_size)
    note_store(of_all, store.folder, cache=cache)
    return PreparedData(
        source=study.name,
        root=config.root.resolve().name if config.root else "",
        image_size=config.image_size,
        rows=rows,
        pixels=store.pixels,
        task=task,
        targets=targets,
        asked=asked,
        split=split,
        parts=parts,
        leakage=measure_leakage(rows, parts),
        normalisation=measure_normalisation(store.pixels, pixel_rows[parts["train"]]),
        notes=(
            *study.notes,
            f"split: {split.how}",
            *_about_share(split, learned_from["train"]),
            *_about_size(store),
        ),
        skipped=problems,
        fingerprint=of_all,
    )


def fingerprint(rows: pd.DataFrame, image_size: int) -> str:
    """SHA-256 over what a result depends on: labels, pixels, image size.

    Pixels enter as the digests of the originals, with the pixel store's format, which says how
    they were brought to size.

    Neither paths nor the order of files enter, so the same data has the same fingerprint in
    every folder and on every machine.

    Args:
        rows: the study table with ``digest``.
        image_size: side in pixels.
    """
    columns = ["image", "digest", "patient", "view", "sex", "age", "follow_up", "given_split"]
    hasher = hashlib.sha256(f"image_size={image_size} format={PIXEL_VERSION}\n".encode())
    ordered = rows.sort_values("image")
    for values, findings in zip(
        ordered[columns].itertuples(index=False, name=None), ordered["findings"], strict=True
    ):
        hasher.update(("\t".join(map(str, values)) + "\t" + "|".join(findings) + "\n").encode())
    return hasher.hexdigest()


def _about_share(split: Split, train: NDArray[np.int64]) -> tuple[str, ...]:
    if len(train) == len(split.train):
        return ()
    return (
        f"learned from {len(train):,} of the {len(split.train):,} training images, whole patients",
    )


def _about_size(store: PixelStore) -> tuple[str, ...]:
    """A warning where images were enlarged: they are no sharper than they were."""
    if not store.enlarged:
        return ()
    return (f"{store.enlarged:,} images are smaller than the image size and were enlarged",)


def _identical(digests: pd.Series[str]) -> int:
    """Images that have at least one pixel-identical copy in the data set."""
    return int(digests.duplicated(keep=False).sum())
