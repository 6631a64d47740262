"""Matching of predicted images with the rows of a labelled split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import DataConfig
from bench.data.splits import LEFT_OUT, RowNumbers, Split, make_split
from bench.data.splits.split import file_name
from bench.data.study import StudyTable
from bench.data.tasks import Task, check_classes
from bench.errors import InputError
from bench.runs.cells import source_settings
from bench.runs.run import EVALUATED_PARTS
from bench.runs.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSplit:
    """Labelled images and their split."""

    rows: pd.DataFrame
    split: Split
    of_runs: bool = False  # stored runs have it


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """Predictions beside the images of a split."""

    labelled: LabelledSplit  # the images, and the split
    task: Task  # the question
    targets: NDArray[Any]  # its answers, for every image
    task_mask: NDArray[np.bool_]  # bool, which images it asks about
    # Rows that the task asks about, by part; parts without images left out.
    parts: dict[str, RowNumbers]
    # Rows that are predicted, by part that is evaluated; none of the validation part where no
    # threshold could be chosen on them.
    predicted: dict[str, RowNumbers]
    file_rows: dict[str, NDArray[np.int64]]  # for each of these its row of the file
    ignored: dict[str, int]  # how many rows of the file are evaluated nowhere, by the reason

    @property
    def images(self) -> dict[str, int]:
        """Number of images that are evaluated, by part."""
        return {part: int(self.task_mask[rows].sum()) for part, rows in self.predicted.items()}

    @property
    def of(self) -> dict[str, int]:
        """Number of images that the task asks about, by evaluated part."""
        return {part: len(self.parts.get(part, ())) for part in EVALUATED_PARTS}

    @property
    def lacks_threshold(self) -> bool:
        """A threshold is wanted, and there is no validation image to choose it on."""
        wanted = self.task.kind == "multilabel" or len(self.task.classes) == 2
        return wanted and not self.images["validation"]


def find_splits(labels: StudyTable, config: DataConfig, *, store: Store) -> list[LabelledSplit]:
    """The splits in whose tables predictions belong.

    Those of the runs that are stored: they may lack images that are not here, and know which are
    identical, so that labels alone would not give the same parts. Without such a run, the split
    that the labels give.
    """
    rows = labels.rows
    known = set(rows["image"])
    found = []
    for digest in _hashes_of_runs(labels.name, config, store):
        name = file_name(name=config.split, seed=config.split_seed, digest=digest)
        listed = frozenset().union(*Split.read_images(store.splits / name, digest=digest).values())
        if listed <= known:
            here = rows[rows["image"].isin(listed)].reset_index(drop=True)
            split = Split.read(store.splits / name, here)
            found.append(LabelledSplit(rows=here, split=split, of_runs=True))
    return found or [LabelledSplit(rows=rows, split=make_split(rows, config))]


def match(labelled: LabelledSplit, task: Task, images: Sequence[str]) -> Match:
    """Find the predicted images, each id once and one a row of the file, in a split."""
    rows, split = labelled.rows, labelled.split
    task_mask, targets = task.select(rows), task.targets(rows)
    parts = {name: part[task_mask[part]] for name, part in split.parts.items() if len(part)}
    check_classes(task, targets, parts)
    # For each image of the labels its row of the file, or -1.
    file_row = pd.Index(images).get_indexer(pd.Index(rows["image"]))
    in_file = {name: part[file_row[part] >= 0] for name, part in split.parts_and_left_out.items()}
    predicted = {part: in_file[part] for part in EVALUATED_PARTS}
    in_task = {part: rows[task_mask[rows]] for part, rows in predicted.items()}
    if not len(in_task["test"]):
        raise InputError(
            f"none of the predicted images is one of the {len(parts.get('test', ())):,} test "
            f"images of split {split.name} that task {task.name} asks about: choose another "
            "--config or --task"
        )
    ignored = {
        "not among the images of this split": int(len(images) - (file_row >= 0).sum()),
        "of the training part": len(in_file["train"]),
        "left out of the split": len(in_file.get(LEFT_OUT, ())),
        f"not asked about by task {task.name}": sum(
            len(predicted[part]) - len(in_task[part]) for part in EVALUATED_PARTS
        ),
    }
    if task.kind == "multiclass" and len(np.unique(targets[in_task["validation"]])) == 1:
        reason = "of the validation part, all of one class: no threshold can be chosen"
        ignored[reason] = len(in_task["validation"])
        predicted["validation"] = predicted["validation"][:0]
    return Match(
        labelled=labelled,
        task=task,
        targets=targets,
        task_mask=task_mask,
        parts=parts,
        predicted=predicted,
        file_rows={part: file_row[rows] for part, rows in predicted.items()},
        ignored={reason: count for reason, count in ignored.items() if count},
    )


def _hashes_of_runs(source: str, config: DataConfig, store: Store) -> list[str]:
    """Hashes of the splits of the configured name and seed that stored runs of a source have."""
    if not store.root.is_dir():
        return []
    options = source_settings(config).options
    wanted = (source, config.split, config.split_seed)
    hashes = dict.fromkeys(
        run.data.split.hash
        for run in store.runs()
        if run.cell.kind != "imported"
        and (run.data.source, run.data.split.name, run.data.split.seed) == wanted
        and run.cell.settings.data.options == options
    )
    return list(hashes)
