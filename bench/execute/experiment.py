"""From experiments to their runs: check them, prepare their data, run their cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Experiment, expand, levels_of, missing_references
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData, prepare_data
from bench.data.study import StudyTable
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.events import MatrixFinished, Note
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.executors import LOCAL, Executor
from bench.execute.matrix import run_cells
from bench.execute.preflight import Checked, check_levels, plan_cells
from bench.execute.work import describe_work
from bench.progress import Progress
from bench.runs.store import Facts, Store

if TYPE_CHECKING:
    import torch


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    out: Path,
    device: torch.device,
    progress: Progress,
    executor: Executor = LOCAL,
) -> MatrixFinished:
    """Check experiments, prepare their data and run all their cells.

    The data of every experiment, and with ``vary`` of every level, are prepared before the first
    cell starts. All cells of one seed are run before the next seed, so that an early look compares
    like with like.

    Args:
        experiments: what to run. A cell that several have in common is run once.

    Returns:
        How the cells ended, which is the last event too.
    """
    store = Store(out)
    levels = [expand(experiment) for experiment in experiments]
    executor.check([level.train for each in levels for level in each], device=device)
    checks = [check_levels(each, device=device) for each in levels]
    store.check_writable()
    # A wrong path is found here, before pretrained weights are fetched, and a task that the data
    # cannot have before they are decoded.
    studies = [_open_studies(each) for each in levels]
    for experiment in experiments:
        for line in missing_references(experiment):
            progress.event(Note(line))
    matrix = _Matrix(store=store, device=device, progress=progress)
    planned = [
        (experiment, matrix.add(experiment, plain, checked, opened, prefix=prefix))
        for experiment, prefix, plain, checked, opened in zip(
            experiments, _prefixes(experiments), levels, checks, studies, strict=True
        )
    ]
    if note := store.check_locks():
        progress.event(Note(note))
    for experiment, jobs in planned:
        store.record_experiment(experiment, [job.folder for job in jobs])
    with executor.started(describe_work(out=out, device=device.type), progress) as workers:
        finished = run_cells(_in_order(matrix.jobs), execute=workers.execute)
    progress.event(finished)
    return finished


class _Matrix:
    """The cells of all experiments."""

    def __init__(self, *, store: Store, device: torch.device, progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._device = device
        # The same for every level; asking for it starts processes.
        self._environment = describe_environment(device)
        self._placements = PlacementCache(device)
        self._noted: set[str] = set()
        self._prepared: dict[str, PreparedData] = {}
        self.jobs: list[Job] = []

    def add(
        self,
        experiment: Experiment,
        levels: Sequence[Experiment],
        checked: Sequence[Checked],
        studies: Sequence[StudyTable],
        *,
        prefix: str,
    ) -> list[Job]:
        """Prepare the data of an experiment; returns its cells, in the order of its runs.

        Args:
            levels: without ``vary``.
        """
        jobs: list[Job] = []
        for level, found, study in zip(levels, checked, studies, strict=True):
            cells = plan_cells(level, device=self._device)
            runner = self._runner(experiment, level, study, prefix)
            jobs += [Job(cell=cell, runner=runner, fault=found.cell_fault(cell)) for cell in cells]
        self.jobs += jobs
        return _in_order(jobs)

    def _runner(
        self, experiment: Experiment, level: Experiment, study: StudyTable, prefix: str
    ) -> CellRunner:
        # Levels that differ in their training alone have the same data.
        key = repr((level.data, level.task))
        if key not in self._prepared:
            self._prepared[key] = prepare_data(level, study, self._progress)
        prepared = self._prepared[key]
        for line in prepared.describe(self._store.root):
            if line not in self._noted:
                self._progress.event(Note(line))
                self._noted.add(line)
        prepared.split.write(self._store.splits, prepared.rows)
        return CellRunner(
            level=level,
            prepared=prepared,
            store=self._store,
            placements=self._placements,
            progress=self._progress,
            levels=levels_of(experiment, level),
            prefix=prefix,
            facts=Facts(experiment=experiment, data=prepared.record, environment=self._environment),
        )


def _prefixes(experiments: Sequence[Experiment]) -> list[str]:
    """The begin of the names of each experiment's cells; "" where there is one alone."""
    if len(experiments) == 1:
        return [""]
    names = [experiment.name for experiment in experiments]
    return [
        f"{name}: " if names.count(name) == 1 else f"{name} ({number}): "
        for number, name in enumerate(names, start=1)
    ]


def _in_order(jobs: Sequence[Job]) -> list[Job]:
    """Cells in the order in which they are run, each once: controls, then seed by seed."""
    # A control is the same run at every level of a setting that is none of its own.
    found = list({job.folder: job for job in reversed(jobs)}.values())[::-1]
    return sorted(found, key=lambda job: (job.cell.kind == "network", job.cell.seed))


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
