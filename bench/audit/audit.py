"""The audit of a run: what its data source knows of the images, beside what it predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.audit.decision import DecisionCurve, decision_curve
from bench.audit.duplicates import SMALLEST, NearDuplicates, near_duplicates
from bench.audit.subgroups import Subgroups, subgroups
from bench.errors import InputError
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.operating_points import OperatingPoints
from bench.execute.run_data import run_data
from bench.progress import Progress
from bench.runs.run import Run


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
