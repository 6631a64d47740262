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
from bench.imported.answers import Combine, answers
from bench.imported.file import PredictionFile, read_file
from bench.imported.place import EVERYTHING, On, Placed, grounds, place
from bench.runs.cells import Cell, FileSettings, ImportSettings, source_settings
from bench.runs.records import ImportRecord, Outcome
from bench.runs.store import Facts, Store
from bench.train import overall_auc

# It begins the name of a folder, and stands in tables and on command lines.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """Request to import a file of predictions under a name.

    Attributes:
        path: the CSV file (:mod:`bench.imported.file`).
        name: what the predictions are called in tables.
        experiment: its data and task say what they are judged by.
        combine: how columns of findings make one probability; None where they do not.
        on: "test" for the images of the split, "all" for every image of the file.
    """

    path: Path
    name: str
    experiment: Experiment
    combine: Combine | None = None
    on: On = "test"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Predictions in one table.

    Attributes:
        folder: of the run.
        already: it was there before, with the same predictions.
        source: name of the data source whose labels judge them.
        placed: which images they are about.
        auc: on the test part, macro over the outputs where there are more than two classes; NaN
            where it is undefined.
        rows: of the file.
        unread: columns of the file that were not read.
        twins: other names that the same predictions have in the same table.
    """

    folder: Path
    already: bool
    source: str
    placed: Placed
    auc: float
    rows: int
    unread: tuple[str, ...]
    twins: tuple[str, ...]


def import_predictions(request: Request, store: Store) -> list[Imported]:
    """Keep predictions as runs: one for each split that the stored runs of this data have.

    Everything is checked before the first run is written.

    Args:
        request: what is to be imported.
        store: where to.

    Raises:
        InputError: the file, the labels or the name do not fit.
        OSError: the file cannot be read, or the results not be written.
    """
    if not NAME.fullmatch(request.name):
        raise InputError(
            f"--as {request.name!r} is no name for a row: use at most 64 letters, digits and "
            "the signs . _ + - and begin with a letter or digit"
        )
    store.check_writable()
    file = read_file(request.path)
    config = one_data_config(request.experiment)
    labels = open_labels(config)
    if labels.rows.empty:
        raise InputError(f"data source {labels.name!r} labels no image: look into data.root")
    task = make_task(request.experiment.task, labels.finding_names)
    known = {*labels.rows["image"], *(problem.image for problem in labels.problems)}
    images = file.ids(known)
    probabilities = answers(file, task, labels.finding_names, combine=request.combine)
    cell = _cell(request, file)
    places = [
        place(ground, task, images)
        for ground in grounds(labels, config, on=request.on, images=images, store=store)
    ]
    described = [_describe(request, labels, placed) for placed in places]
    for data in described:
        _refuse_other(cell, data, store)
    environment = describe_environment(torch.device("cpu"))
    found = []
    for placed, data in zip(places, described, strict=True):
        facts = Facts(
            experiment=request.experiment,
            data=data,
            environment=environment,
            imported=_file_record(request, file, placed),
        )
        found.append(
            Imported(
                folder=store.folder(cell, data),
                already=not _keep(cell, facts, placed, probabilities, store),
                source=labels.name,
                placed=placed,
                auc=_auc(placed, probabilities),
                rows=len(images),
                unread=file.unread,
                twins=_twins(cell, data, store),
            )
        )
    return found


def _cell(request: Request, file: PredictionFile) -> Cell:
    return Cell(
        kind="imported",
        model=request.name,
        loss="",
        seed=0,
        settings=ImportSettings(
            data=source_settings(request.experiment.data),
            task=request.experiment.task,
            predictions=FileSettings(digest=file.digest, combine=request.combine, on=request.on),
        ),
    )


def _describe(request: Request, labels: StudyTable, placed: Placed) -> DataRecord:
    split = placed.ground.split
    notes = (*labels.notes, f"split: {split.how}")
    return describe_data(
        replace(labels, rows=placed.ground.rows, notes=notes),
        placed.task,
        root=request.experiment.data.root,
        split=split,
        parts=placed.parts,
    )


def _file_record(request: Request, file: PredictionFile, placed: Placed) -> ImportRecord:
    return ImportRecord(
        file=file.name,
        digest=file.digest,
        combine=request.combine,
        on=request.on,
        images=placed.images,
        of=placed.of,
        ignored=sum(placed.ignored.values()),
    )


def _refuse_other(cell: Cell, data: DataRecord, store: Store) -> None:
    """Two rows of one name in one table would tell nobody which is which."""
    if not store.root.is_dir():
        return
    folder = store.folder(cell, data)
    for run in store.runs():
        if (
            (run.cell.kind, run.cell.model) == (cell.kind, cell.model)
            and run.data.task == data.task
            and run.data.source == data.source
            and run.data.split == data.split
            and run.folder != folder
        ):
            file = run.imported.file if run.imported else "another file"
            raise InputError(
                f"{cell.model!r} is taken in this table by predictions of {file}: give "
                f"these another name with --as, or delete {run.folder} first"
            )


def _twins(cell: Cell, data: DataRecord, store: Store) -> tuple[str, ...]:
    return tuple(
        run.cell.model
        for run in store.runs()
        if run.cell.kind == cell.kind
        and run.cell.model != cell.model
        and _file(run.cell) == _file(cell)
        and (run.data.task, run.data.source) == (data.task, data.source)
        and run.data.split == data.split
    )


def _file(cell: Cell) -> FileSettings:
    assert isinstance(cell.settings, ImportSettings)
    return cell.settings.predictions


def _keep(
    cell: Cell, facts: Facts, placed: Placed, probabilities: NDArray[np.float64], store: Store
) -> bool:
    """Write the run; False where it is there already."""
    folder = store.folder(cell, facts.data)
    with store.claim(folder) as claimed:
        if not claimed:
            raise InputError(f"another process is importing {cell.model!r}: wait for it")
        if store.outcome(folder) is not None:
            return False
        if placed.ground.split.name != EVERYTHING:
            placed.ground.split.write(store.splits, placed.ground.rows)
        store.begin(folder, cell, facts)
        store.write_predictions(
            folder,
            rows=placed.ground.rows,
            task=placed.task,
            targets=placed.targets,
            task_mask=placed.asked,
            parts=placed.answered,
            probabilities={part: probabilities[at] for part, at in placed.file_rows.items()},
        )
        store.end(folder, Outcome(state="finished"))
        return True


def _auc(placed: Placed, probabilities: NDArray[np.float64]) -> float:
    test = placed.answered["test"]
    here = placed.asked[test]
    return overall_auc(
        torch.from_numpy(placed.targets[test[here]]),
        torch.from_numpy(probabilities[placed.file_rows["test"][here]]),
        kind=placed.task.kind,
    )
