"""Imported predictions as a run of their own, beside those that were trained here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.config import Experiment, one_data_config
from bench.data.description import DataRecord, describe_data
from bench.data.load import open_labels
from bench.data.study import StudyTable
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.errors import InputError
from bench.imported.columns import Combine, task_probabilities
from bench.imported.file import read_file
from bench.imported.match import Match, find_splits, match
from bench.runs.cells import Cell, FileSettings, ImportSettings, source_settings
from bench.runs.records import ImportRecord, Outcome
from bench.runs.store import Facts, Store
from bench.train.score import overall_auc

# It begins the name of a folder, and stands in tables and on command lines.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """Predictions in one table."""

    folder: Path
    already: bool  # it was there before, with the same predictions
    source: str  # name of the data source whose labels judge them
    match: Match  # the images that they are about
    notes: tuple[str, ...]  # how the file was read that is no plain CSV file in UTF-8
    # On the test part, macro over the outputs where there are more than two classes; NaN where it
    # is undefined.
    auc: float


def import_predictions(
    path: Path,
    *,
    name: str,
    experiment: Experiment,
    store: Store,
    combine: Combine | None = None,
    image_column: str | None = None,
    score_column: str | None = None,
) -> list[Imported]:
    """Keep predictions as runs: one for each split that the stored runs of this data have.

    Everything is checked before the first run is written. ``name`` is what tables call them,
    ``combine`` how columns of findings make one probability. The two columns have standard names
    (:mod:`bench.imported.file`) where they are None.

    Raises:
        InputError: the file, the labels or the name do not fit.
        OSError: the file cannot be read, or the results not be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"--as {name!r} is no name for a row: use at most 64 letters, digits and "
            "the signs . _ + - and begin with a letter or digit"
        )
    store.check_writable()
    file = read_file(path, image_column=image_column, score_column=score_column)
    config = one_data_config(experiment)
    labels = open_labels(config)
    task = make_task(experiment.task, labels.finding_names)
    images = file.ids({*labels.rows["image"], *(problem.image for problem in labels.problems)})
    probabilities = task_probabilities(file, task, labels.finding_names, combine=combine)
    columns = {"image_column": image_column, "score_column": score_column}
    settings = FileSettings(digest=file.digest, combine=combine, **columns)
    data_source = source_settings(experiment.data)
    own = ImportSettings(data=data_source, task=experiment.task, predictions=settings)
    cell = Cell(kind="imported", model=name, loss="", seed=0, settings=own)
    matches = [match(each, task, images) for each in find_splits(labels, config, store=store)]
    described = [_describe(found, labels, experiment) for found in matches]
    for data in described:
        _refuse_taken_name(cell, data, store)
    environment = describe_environment(torch.device("cpu"))
    imported = []
    for found, data in zip(matches, described, strict=True):
        record = _record(file.name, settings, found)
        facts = Facts(experiment=experiment, data=data, environment=environment, imported=record)
        kept = _keep(cell, facts, found, probabilities, store, notes=file.table.notes)
        imported.append(kept)
    return imported


def _record(file: str, settings: FileSettings, found: Match) -> ImportRecord:
    return ImportRecord(
        **settings.model_dump(),
        file=file,
        images=found.images,
        of=found.of,
        ignored=sum(found.ignored.values()),
    )


def _describe(found: Match, labels: StudyTable, experiment: Experiment) -> DataRecord:
    rows, split = found.labelled.rows, found.labelled.split
    return describe_data(
        replace(labels, rows=rows, notes=(*labels.notes, f"split: {split.how}")),
        found.task,
        root=experiment.data.root,
        split=split,
        parts=found.parts,
    )


def _refuse_taken_name(cell: Cell, data: DataRecord, store: Store) -> None:
    """Two rows of one name in one table would tell nobody which is which."""
    folder = store.folder(cell, data)
    for run in store.runs() if store.root.is_dir() else ():
        if (
            (run.cell.kind, run.cell.model) == (cell.kind, cell.model)
            and (run.data.task, run.data.source) == (data.task, data.source)
            and run.data.split == data.split
            and run.folder != folder
        ):
            file = run.imported.file if run.imported else "another file"
            raise InputError(
                f"{cell.model!r} is taken in this table by predictions of {file}: give "
                f"these another name with --as, or move {run.folder} elsewhere first"
            )


def _keep(
    cell: Cell,
    facts: Facts,
    found: Match,
    probabilities: NDArray[np.float64],
    store: Store,
    *,
    notes: tuple[str, ...],
) -> Imported:
    """Write the run where it is not there already."""
    folder = store.folder(cell, facts.data)
    labelled = found.labelled
    with store.claim(folder) as claimed:
        if not claimed:
            raise InputError(f"another process is importing {cell.model!r}: wait for it")
        already = store.outcome(folder) is not None
        if not already:
            labelled.split.write(store.splits, labelled.rows)
            store.begin(folder, cell, facts)
            store.write_predictions(
                folder,
                rows=labelled.rows,
                task=found.task,
                targets=found.targets,
                task_mask=found.task_mask,
                parts=found.predicted,
                probabilities={part: probabilities[at] for part, at in found.file_rows.items()},
            )
            store.end(folder, Outcome(state="finished"))
    test = found.predicted["test"]
    in_task = found.task_mask[test]
    auc = overall_auc(
        torch.from_numpy(found.targets[test[in_task]]),
        torch.from_numpy(probabilities[found.file_rows["test"][in_task]]),
        kind=found.task.kind,
    )
    return Imported(
        folder=folder, already=already, source=facts.data.source, match=found, notes=notes, auc=auc
    )
