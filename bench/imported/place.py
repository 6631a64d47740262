"""Which images of a split some predictions are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import JsonValue

from bench.config import DataConfig
from bench.data.splits import LEFT_OUT, Split, make_split
from bench.data.splits.split import file_name
from bench.data.study import StudyTable
from bench.data.tasks import Task, check_classes
from bench.errors import InputError
from bench.runs.cells import source_settings
from bench.runs.run import EVALUATED_PARTS, Run
from bench.runs.store import Store

On = Literal["test", "all"]
Positions = NDArray[np.int64]

EVERYTHING = "all"
"""Name of the split that has every image of a file in its test part."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Labelled images and their split.

    Attributes:
        rows: the study table.
        split: of its rows.
        of_runs: stored runs have it.
    """

    rows: pd.DataFrame
    split: Split
    of_runs: bool = False


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Predictions beside the images of a split.

    Attributes:
        ground: the images.
        task: the question.
        targets: its answers, for every image.
        asked: which images it asks about.
        parts: all positions that the task asks about, by part; parts without images left out.
        answered: positions of the images that are predicted, by part that is judged; of the
            validation part only where it is of use.
        file_rows: for each of these its row of the file.
        of: how many images the task asks about in each part that is judged.
        ignored: how many rows of the file are judged nowhere, by the reason.
    """

    ground: Ground
    task: Task
    targets: NDArray[Any]
    asked: NDArray[np.bool_]
    parts: dict[str, Positions]
    answered: dict[str, Positions]
    file_rows: dict[str, Positions]
    of: dict[str, int]
    ignored: dict[str, int]

    @property
    def images(self) -> dict[str, int]:
        """How many images are judged, by part."""
        return {part: int(self.asked[at].sum()) for part, at in self.answered.items()}

    @property
    def lacks_threshold(self) -> bool:
        """A threshold is wanted, and there is no validation image to choose it on."""
        wanted = self.task.kind == "multilabel" or len(self.task.classes) == 2
        return wanted and not self.images["validation"]


def grounds(
    labels: StudyTable, config: DataConfig, *, on: On, images: Sequence[str], store: Store
) -> list[Ground]:
    """The splits in whose tables predictions belong.

    Those of the runs that are stored: they may lack images that are not here, and know which are
    identical, so that labels alone would not give the same parts. Without such a run, the split
    that the labels give.

    Args:
        labels: of the data source.
        config: the experiment's ``data``.
        on: "test" for the configured split, "all" for every predicted image as one part.
        images: ids that are predicted.
        store: of the runs.

    Raises:
        InputError: the labels cannot be split so, or a stored split is damaged.
    """
    rows = labels.rows
    if on == "all":
        here = rows[rows["image"].isin(set(images))].reset_index(drop=True)
        return [Ground(rows=here, split=_everything(here))]
    found = []
    known = set(rows["image"])
    for path, digest in _splits_of_runs(labels.name, config, store):
        listed = frozenset().union(*Split.read_images(path, digest=digest).values())
        if listed <= known:
            here = rows[rows["image"].isin(listed)].reset_index(drop=True)
            found.append(Ground(rows=here, split=Split.read(path, here), of_runs=True))
    return found or [Ground(rows=rows, split=make_split(rows, config))]


def place(ground: Ground, task: Task, images: Sequence[str]) -> Placed:
    """Find the predicted images in a split.

    Args:
        ground: the labelled images.
        task: the question.
        images: their ids, one a row of the file, each once.

    Raises:
        InputError: no image of the test part that the task asks about is predicted, or a part
            cannot be asked so.
    """
    rows, split = ground.rows, ground.split
    asked, targets = task.select(rows), task.targets(rows)
    parts = {name: at[asked[at]] for name, at in split.parts.items() if len(at)}
    if split.name != EVERYTHING:
        check_classes(task, targets, parts)
    row_of = {image: row for row, image in enumerate(images)}
    file_rows = np.array([row_of.get(image, -1) for image in rows["image"]], np.int64)
    predicted = {part: at[file_rows[at] >= 0] for part, at in split.parts_and_left_out.items()}
    answered = {part: predicted[part] for part in EVALUATED_PARTS}
    test = answered["test"]
    if not asked[test].any():
        raise InputError(
            f"none of the predicted images is one of the {len(parts.get('test', ())):,} test "
            f"images of split {split.name} that task {task.name} asks about: choose another "
            "--config or --task, or give --on all"
        )
    unasked = {part: int((~asked[at]).sum()) for part, at in answered.items()}
    ignored = {
        "not among the images of this split": int(len(images) - (file_rows >= 0).sum()),
        "of the training part": len(predicted["train"]),
        "left out of the split": len(predicted.get(LEFT_OUT, ())),
        f"not asked about by task {task.name}": sum(unasked.values()),
    }
    if _of_one_class(task, targets[answered["validation"][asked[answered["validation"]]]]):
        ignored["of the validation part, all of one class: no threshold can be chosen"] = (
            len(answered["validation"]) - unasked["validation"]
        )
        answered["validation"] = answered["validation"][:0]
    return Placed(
        ground=ground,
        task=task,
        targets=targets,
        asked=asked,
        parts=parts,
        answered=answered,
        file_rows={part: file_rows[at] for part, at in answered.items()},
        of={part: len(parts.get(part, ())) for part in EVALUATED_PARTS},
        ignored={reason: count for reason, count in ignored.items() if count},
    )


def _of_one_class(task: Task, targets: NDArray[Any]) -> bool:
    return task.kind == "multiclass" and len(targets) > 0 and len(np.unique(targets)) == 1


def _everything(rows: pd.DataFrame) -> Split:
    test = 2  # the last of the parts
    return Split.of(
        np.full(len(rows), test, np.int64),
        rows=rows,
        name=EVERYTHING,
        seed=0,
        claims_disjoint=False,
        how="every predicted image is tested on, whatever it was to its makers",
    )


def _splits_of_runs(source: str, config: DataConfig, store: Store) -> list[tuple[Path, str]]:
    """Files and hashes of the splits of the configured name and seed that stored runs have."""
    if not store.root.is_dir():
        return []
    options = source_settings(config).options
    hashes = dict.fromkeys(
        run.data.split.hash
        for run in store.runs()
        if run.data.source == source and _is_of(run, config, options)
    )
    return [
        (store.splits / file_name(name=config.split, seed=config.split_seed, digest=digest), digest)
        for digest in hashes
    ]


def _is_of(run: Run, config: DataConfig, options: dict[str, JsonValue]) -> bool:
    """Whether a run was on the configured split, of a source with these options."""
    split = run.data.split
    return (
        run.cell.kind != "imported"
        and (split.name, split.seed) == (config.split, config.split_seed)
        and run.cell.settings.data.options == options
    )
