"""The data of a run, opened again: what its folder does not hold of the images."""

from __future__ import annotations

from pathlib import Path

from bench.config import expand
from bench.data.load import open_study
from bench.data.prepare import PreparedData
from bench.errors import InputError
from bench.execute.prepare import prepare
from bench.progress import Progress
from bench.runs.cells import TaskSettings, data_settings
from bench.runs.run import Run
from bench.runs.store import Store


def run_data(run: Run, *, root: Path | None, progress: Progress) -> PreparedData:
    """The images, labels and split that a run of a network or control was made with.

    They are looked for where the run's experiment found them, if ``root`` is None.
    """
    if not isinstance(run.cell.settings, TaskSettings) or run.cell.kind == "cascade":
        raise InputError(
            f"run {run.name} is of kind {run.cell.kind}: name a network's or a control's"
        )
    experiment = Store(run.folder.parent).experiment_of(run.folder)
    found = ""
    for level in expand(experiment):
        own = (run.cell.settings.data, run.cell.settings.task)
        if (data_settings(level.data), level.task) != own:
            continue
        if root is not None:
            data = level.data.model_copy(update={"root": root})
            level = level.model_copy(update={"data": data})
        prepared = prepare(level, open_study(level.data), progress)
        record = prepared.record
        if (record.fingerprint, record.split.hash) == (run.data.fingerprint, run.data.split.hash):
            return prepared
        found = f"their fingerprint is {record.fingerprint[:16]}, split {record.split.hash[:16]}"
    raise InputError(
        f"the data of run {run.name} are not these ({found or 'its settings differ'}): "
        "--data gives another folder or file"
    )
