"""From an experiment to its runs: check it, prepare its data, run its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cache import pixel_cache
from bench.config import Experiment, expand, levels_of, missing_references
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData, prepare_data
from bench.data.study import StudyTable
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.events import MatrixFinished, Note
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.matrix import run_cells
from bench.execute.preflight import Checked, check_levels, plan_cells
from bench.progress import Progress
from bench.runs.store import Facts, Store

if TYPE_CHECKING:
    import torch


def run_experiment(
    experiment: Experiment, *, out: Path, device: torch.device, progress: Progress
) -> MatrixFinished:
    """Check an experiment, prepare its data and run its cells.

    With ``vary`` the data of every level are prepared before the first cell starts, and all
    levels of one seed are run before the next seed, so that an early look compares like with
    like.

    Args:
        experiment: what to run.
        out: folder of the runs.
        device: where networks are trained.
        progress: gets every event.

    Returns:
        How the cells ended, which is the last event too.

    Raises:
        InputError: anything that the user can mend, before the first cell starts.
    """
    levels = expand(experiment)
    checked = check_levels(levels, device=device)
    store = Store(out)
    store.check_writable()
    # A wrong path is found here, before pretrained weights are fetched, and a task that the data
    # cannot have before they are decoded.
    studies = _open_studies(levels)
    for line in missing_references(experiment):
        progress.event(Note(line))
    jobs = _jobs(
        experiment, levels, checked, studies, store=store, device=device, progress=progress
    )
    store.record_experiment(experiment, [job.folder for job in jobs])
    finished = run_cells(jobs)
    progress.event(finished)
    return finished


def _jobs(
    experiment: Experiment,
    levels: Sequence[Experiment],
    checked: Sequence[Checked],
    studies: Sequence[StudyTable],
    *,
    store: Store,
    device: torch.device,
    progress: Progress,
) -> list[Job]:
    """The cells of all levels with their prepared data, in the order in which they are run."""
    # The same for every level; asking for it starts processes.
    environment = describe_environment(device)
    placements = PlacementCache(device)
    jobs: list[Job] = []
    noted: set[str] = set()
    for level, found, study in zip(levels, checked, studies, strict=True):
        cells = plan_cells(level, device=device)
        prepared = prepare(level, study, progress)
        for line in describe_start(prepared, store.root):
            if line not in noted:
                progress.event(Note(line))
                noted.add(line)
        runner = CellRunner(
            experiment=level,
            prepared=prepared,
            store=store,
            placements=placements,
            progress=progress,
            levels=levels_of(experiment, level),
            facts=Facts(experiment=experiment, data=prepared.record, environment=environment),
        )
        prepared.split.write(store.splits, prepared.rows)
        jobs += [Job(cell=cell, runner=runner, fault=found.cell_fault(cell)) for cell in cells]
    # A control is the same run at every level of a setting that is none of its own.
    jobs = list({job.folder: job for job in reversed(jobs)}.values())[::-1]
    return sorted(jobs, key=lambda job: (job.cell.kind == "network", job.cell.seed))


def _open_studies(levels: Sequence[Experiment]) -> list[StudyTable]:
    """The study of each level; label files are read once, however many levels use them."""
    opened: dict[str, StudyTable] = {}
    studies = []
    for level in levels:
        config = level.data
        key = repr((config.source, config.root, config.image_size, config.options))
        if key not in opened:
            opened[key] = open_study(config)
        make_task(level.task, opened[key].finding_names)
        studies.append(opened[key])
    return studies


def prepare(experiment: Experiment, study: StudyTable, progress: Progress) -> PreparedData:
    """The data of an experiment without ``vary``, decoded, split and checked.

    Raises:
        InputError: as :func:`bench.data.prepare.prepare_data`.
    """
    return prepare_data(
        experiment.data,
        make_task(experiment.task, study.finding_names),
        study=study,
        cache=pixel_cache(),
        progress=lambda done, total: progress.advance("decoding images", done, total),
    )


def describe_start(prepared: PreparedData, out: Path) -> list[str]:
    """Lines about the data, shown before anything is run."""
    sizes = ", ".join(f"{len(rows):,} {part}" for part, rows in prepared.task_parts.items())
    data = prepared.record
    return [
        f"{data.source}, task {data.task}: {sizes} images at {data.image_size} px; "
        f"runs go to {out}",
        *data.notes,
    ]
