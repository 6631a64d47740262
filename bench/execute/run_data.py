"""The data of a run, opened again: what its folder does not hold of the images."""

from __future__ import annotations

from pathlib import Path

from bench.config import DataConfig, Experiment, expand
from bench.config.dotted import flatten
from bench.data.load import open_study
from bench.data.prepare import PreparedData, prepare_data
from bench.errors import InputError
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
    levels = expand(Store(run.folder.parent).experiment_of(run.folder))
    nearest = min((_other_settings(run, level) for level in levels), key=len)
    if nearest:
        raise InputError(f"run {run.name} would have other data here: {', '.join(nearest)}")
    tried: list[DataConfig] = []  # levels can differ in the seed of the split, or in training alone
    for level in levels:
        if level.data in tried or _other_settings(run, level):
            continue
        tried.append(level.data)
        if root is not None:
            data = level.data.model_copy(update={"root": root})
            level = level.model_copy(update={"data": data})
        prepared = prepare_data(level, open_study(level.data), progress)
        changes = [
            f"the {what} was {before[:16]} and is {now[:16]}"
            for what, before, now in (
                ("fingerprint", run.data.fingerprint, prepared.record.fingerprint),
                ("hash of their split", run.data.split.hash, prepared.record.split.hash),
            )
            if before != now
        ]
        if not changes:
            return prepared
    raise InputError(
        f"the data of run {run.name} are not these: {', '.join(changes)}; --data gives another "
        "folder or file"
    )


def _other_settings(run: Run, level: Experiment) -> list[str]:
    """``data.image_size 64 → 224`` for each setting of the data that the run has not from a level.

    It lists them by dotted key, with the task.
    """
    assert isinstance(run.cell.settings, TaskSettings)
    before, now = (
        flatten({"data": data.model_dump(mode="json"), "task": task})
        for data, task in (
            (run.cell.settings.data, run.cell.settings.task),
            (data_settings(level.data), level.task),
        )
    )
    return [
        f"{key} {before.get(key, 'none')} → {now.get(key, 'none')}"
        for key in sorted(before | now)
        if before.get(key, "none") != now.get(key, "none")
    ]
