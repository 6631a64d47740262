"""From Python: load a config, run or tune it, and read what is stored.

Each function imports what it needs, so that ``import bench`` loads neither torch nor pydantic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.config import Experiment
    from bench.evaluate.results import Results
    from bench.execute.executors import Executor
    from bench.model import LoadedModel
    from bench.planning.tables import TablePlan

DEFAULT_OUT = "results/runs"


def load_config(name_or_path: str | Path, **changes: Any) -> Experiment:
    """Load an experiment.

    Args:
        name_or_path: name of a shipped experiment, or path of a YAML file.
        changes: values by dotted key, such as ``**{"train.lr": 0.02, "data.root": "images"}``.

    Raises:
        InputError: no such name or file, an unknown key, or a wrong value.
    """
    from bench.config import load_experiment

    return load_experiment(name_or_path, changes=changes)


def plan(
    config: Experiment | str | Path,
    *,
    out: str | Path = DEFAULT_OUT,
    plugins: Sequence[str | Path] = (),
    **assumed: float,
) -> list[TablePlan]:
    """Power of an experiment's comparisons, from label files alone: nothing is trained.

    Args:
        config, plugins: as for :func:`run`.
        out: folder of earlier runs, which need not be there; those of networks on the same source,
            task and split give the AUC and its spread over seeds.
        assumed: what is assumed otherwise: ``auc``, ``seed_deviation``, ``correlation`` or
            ``within_patient`` (:class:`bench.evaluate.planning.Assumptions`).

    Returns:
        One plan for each table: ``plan(config)[0].plan.smallest_difference(seeds=5)``.

    Raises:
        InputError: anything that the user can mend.
    """
    experiment = _experiment(config, plugins)
    from bench.planning.tables import plan_tables

    return plan_tables(experiment, out=Path(out), assumed=assumed)


def run(
    config: Experiment | str | Path,
    *,
    out: str | Path = DEFAULT_OUT,
    device: str = "auto",
    plugins: Sequence[str | Path] = (),
    executor: str | Executor = "local",
    jobs: int | None = None,
) -> Results:
    """Train and evaluate every cell of an experiment that has not finished yet.

    Args:
        config: an experiment, or what :func:`load_config` takes.
        out: folder of the runs; finished runs in it are kept, interrupted ones go on.
        device: ``cpu``, ``cuda`` or ``auto``.
        plugins: Python files that register models, losses or data sources, beside the plugins of
            installed packages.
        executor: who trains: ``local`` (this process), ``processes``, ``ray`` or ``slurm``; a
            :class:`bench.execute.executors.Executor` has an address and resources too. A script
            that uses processes keeps its calls below ``if __name__ == "__main__":``.
        jobs: workers at most.

    Returns:
        As :func:`load_results` of ``out``. A run that failed has no figures: ``rows`` counts it
        (``failed``) and gives the ``reason``. Runs that another process still trains are in
        ``unfinished``.

    Raises:
        InputError: anything that the user can mend, before the first cell starts.
    """
    experiment = _experiment(config, plugins)
    from bench.environment import pick_device
    from bench.execute.experiment import run_experiments
    from bench.progress import show_progress
    from bench.tracking.heartbeat import beating

    with show_progress() as shown, beating(shown, Path(out), command="bench.run") as progress:
        run_experiments(
            [experiment],
            out=Path(out),
            device=pick_device(device),
            progress=progress,
            executor=_executor(executor, jobs, experiment),
        )
    return load_results(out)


def tune(
    config: Experiment | str | Path,
    *,
    budget: str | None = None,
    out: str | Path = DEFAULT_OUT,
    storage: str | None = None,
    device: str = "auto",
    plugins: Sequence[str | Path] = (),
    executor: str | Executor = "local",
    jobs: int | None = None,
) -> Results:
    """Search the settings of each model and loss within the same budget, and run the winners.

    Args:
        config, out, device, plugins, executor, jobs: as for :func:`run`; the config's seeds are
            those of the winners' runs.
        budget: of each model and loss: ``iterations=50000``, ``trials=20`` or ``minutes=90``; None
            is the iterations of ten trainings.
        storage: URL of the studies' database, or ``FILE.journal``; None is SQLite in ``out``.

    Returns:
        As :func:`load_results` of ``out``.

    Raises:
        InputError: anything that the user can mend, before the first trial starts.
    """
    experiment = _experiment(config, plugins)
    from bench.environment import pick_device
    from bench.progress import show_progress
    from bench.tracking.heartbeat import beating
    from bench.tuning import Plan, default_budget, parse_budget, tune_experiment

    amount = parse_budget(budget) if budget else default_budget(experiment)
    with show_progress() as shown, beating(shown, Path(out), command="bench.tune") as progress:
        tune_experiment(
            experiment,
            Plan(budget=amount, storage=storage),
            out=Path(out),
            device=pick_device(device),
            progress=progress,
            executor=_executor(executor, jobs, experiment),
        )
    return load_results(out)


def load_results(
    out: str | Path = DEFAULT_OUT, *, reference: str | None = None, margin: float | None = None
) -> Results:
    """Every number that the stored runs give, with its interval.

    Args:
        out: folder of the runs.
        reference: the row that all others are compared with: ``MODEL:LOSS``, ``control:NAME`` or
            ``imported:NAME``. None is ``cxnet_m1:sin``, or what stands in where that has not run.
        margin: largest difference of AUC that counts as none; None is that of the config.

    Returns:
        Damaged runs are in none of its rows: ``unusable`` names each with the reason.

    Raises:
        InputError: there is no run, or no table has the reference.
    """
    from bench.evaluate.load import check_reference
    from bench.evaluate.load import load_results as load
    from bench.evaluate.results import Reference
    from bench.evaluate.scorer import Scorer

    scorer = Scorer.with_cache()
    wanted = None if reference is None else Reference.parse(reference)
    results = load(Path(out), scorer=scorer, reference=wanted, margin=margin)
    if reference is not None:
        check_reference(results, reference)
    return results


def load_model(
    run_folder: str | Path, *, device: str = "cpu", plugins: Sequence[str | Path] = ()
) -> LoadedModel:
    """The trained network of a run, which predicts images as the run did.

    Args:
        run_folder: such as ``results/runs/cxnet_m1-sin-s0-0123456789abcdef``.
        device: ``cpu``, ``cuda`` or ``auto``.
        plugins: Python files that register the run's model.

    Raises:
        InputError: no such finished run of a network, it is damaged, or its model is not
            registered.
    """
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    from bench.environment import pick_device
    from bench.model import LoadedModel

    return LoadedModel(Path(run_folder), device=pick_device(device))


def _experiment(config: Experiment | str | Path, plugins: Sequence[str | Path]) -> Experiment:
    from bench.config import Experiment
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    return config if isinstance(config, Experiment) else load_config(config)


def _executor(executor: str | Executor, jobs: int | None, experiment: Experiment) -> Executor:
    from bench.execute.executors import Executor

    if isinstance(executor, Executor):
        return executor if jobs is None else replace(executor, jobs=jobs)
    name: Any = executor
    return Executor(name=name, jobs=jobs, resources=experiment.execution)
