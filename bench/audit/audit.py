"""The audit of a run: what its data source knows of the images, beside what it predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.audit.decision import DecisionCurve, decision_curve
from bench.audit.duplicates import SMALLEST, NearDuplicates, near_duplicates
from bench.audit.subgroups import Subgroups, subgroups
from bench.config import expand
from bench.data.load import open_study
from bench.data.prepare import PreparedData
from bench.errors import InputError
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.operating_points import OperatingPoints
from bench.execute.prepare import prepare
from bench.progress import Progress
from bench.runs.cells import TaskSettings, data_settings
from bench.runs.run import Run
from bench.runs.store import Store


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of a run."""

    run: Run
    subgroups: Subgroups
    decision: DecisionCurve | None  # the decision curve; None where the task has not two classes
    # Of each pair of parts; None where images are too small for it.
    duplicates: tuple[NearDuplicates, ...] | None


def audit(run: Run, *, root: Path | None, progress: Progress) -> Audit:
    """Audit a finished run of a network or control.

    Its data are looked for where its experiment found them, if ``root`` is None.

    Raises:
        InputError: the run has not finished or calls nothing at a threshold, or its data are not
            there.
    """
    points = _points(run)
    data, test = run_data(run, root=root, progress=progress), run.predictions()["test"]
    resampling = Resampling()
    duplicates = None
    if data.image_size >= SMALLEST:
        duplicates = near_duplicates(
            data.rows,
            data.pixels,
            data.task_parts,
            progress=lambda done, total: progress.advance("hashing images", done, total),
        )
    return Audit(
        run=run,
        subgroups=subgroups(test, points, data.rows, resampling=resampling),
        decision=decision_curve(test, points, resampling=resampling),
        duplicates=None if duplicates is None else tuple(duplicates),
    )


def subgroups_of(run: Run, *, root: Path | None, progress: Progress) -> Subgroups:
    """The subgroups of a run alone, with the arguments and errors of :func:`audit`."""
    points = _points(run)
    rows = run_data(run, root=root, progress=progress).rows
    return subgroups(run.predictions()["test"], points, rows, resampling=Resampling())


def _points(run: Run) -> OperatingPoints:
    if run.outcome.state != "finished":
        raise InputError(f"run {run.name} is {run.outcome.state}: there is nothing to audit")
    points = OperatingPoints.choose(run.predictions()["validation"], run.outputs)
    if not points.called:
        raise InputError(
            f"run {run.name} calls the most probable of several classes: audit a run of "
            "two classes or of findings"
        )
    return points


def run_data(run: Run, *, root: Path | None, progress: Progress) -> PreparedData:
    """The images, labels and split that a run of a network or control was made with.

    They are looked for where the run's experiment found them, if ``root`` is None.
    """
    if not isinstance(run.cell.settings, TaskSettings) or run.cell.kind == "cascade":
        raise InputError(
            f"run {run.name} is of kind {run.cell.kind}: audit a network's or a control's"
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
