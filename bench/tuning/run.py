"""Tunes every model and loss of an experiment within the same budget."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from bench.config import Experiment, expand
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.errors import InputError
from bench.events import MatrixFinished, Note, TuningFailed, TuningFinished, TuningStarted
from bench.execute import check_experiment, describe_start, prepare
from bench.execute.matrix import run_cells
from bench.progress import Progress
from bench.runs.store import Store
from bench.tuning.context import Plan, TuningContext
from bench.tuning.space import make_space
from bench.tuning.storage import default_url, lock_of, opened
from bench.tuning.study import Search, make_search
from bench.tuning.trials import spent, winner
from bench.tuning.winners import record_failure, run_winner, why_no_winner


@dataclass(kw_only=True)
class Tuned:
    """Outcome of a tuning.

    Attributes:
        runs: how the winners' runs and the controls ended.
        failed: models and losses without a winner, each with the reason.
        studies: names of all studies.
    """

    runs: MatrixFinished = field(default_factory=MatrixFinished)
    failed: dict[str, str] = field(default_factory=dict)
    studies: list[str] = field(default_factory=list)


def tune_experiment(
    experiment: Experiment, plan: Plan, *, out: Path, device: torch.device, progress: Progress
) -> Tuned:
    """Search settings for each model and loss within the same budget, and run what won.

    Args:
        experiment: its seeds are those of the winners' runs.
        plan: budget, sampler, pruner, storage.
        out: folder of the runs; the trials are kept in its ``tuning``.
        device: where networks are trained.
        progress: receives every event.

    Raises:
        InputError: anything that the user can mend, before the first trial starts; the storage
            can also be lost later.
    """
    experiment = _without_vary(experiment)
    plan.check_seeds(experiment.seeds)
    task = check_experiment(experiment, device=device)
    spaces = [
        make_space(experiment, model=model, loss=loss, fixed=plan.fixed, task=task)
        for model in experiment.models
        for loss in experiment.losses
    ]
    store = Store(out)
    store.check_writable()
    url = plan.storage or default_url(store)
    store.tuning.mkdir(parents=True, exist_ok=True)
    lock = lock_of(url, store)
    with opened(url, lock=lock) as storage:
        study = open_study(experiment.data)
        make_task(experiment.task, study.finding_names)
        prepared = prepare(experiment, study, progress)
        for line in describe_start(prepared, out):
            progress.event(Note(line))
        prepared.split.write(store.splits, prepared.rows)
        context = TuningContext(
            plan=plan,
            prepared=prepared,
            environment=describe_environment(device),
            store=store,
            lock=lock,
            placements=PlacementCache(device),
            progress=progress,
        )
        # All of them before the first trial: pretrained weights that are missing are found here.
        searches = [make_search(context, space, storage) for space in spaces]
        for search in searches:
            search.check_budget()
        for search in searches:
            search.prepare()
        tuned = Tuned(studies=[search.study.study_name for search in searches])
        controls = [job for job in context.jobs(experiment) if job.cell.kind == "control"]
        tuned.runs += run_cells(controls)
        for search in searches:
            _tune(search, tuned)
    progress.event(replace(tuned.runs, no_winner=tuple(tuned.failed)))
    return tuned


def _tune(search: Search, tuned: Tuned) -> None:
    """Search one space, and run its winner again."""
    progress, name = search.context.progress, search.space.name
    progress.event(TuningStarted(cell=name, budget=str(search.context.plan.budget)))
    reason = search.run()
    trials = search.trials()
    best = winner(trials)
    if best is None or best.value is None:
        tuned.failed[name] = why_no_winner(trials, reason)
        record_failure(search, tuned.failed[name])
        progress.event(TuningFailed(cell=name, reason=tuned.failed[name]))
        return
    total = spent(trials)
    progress.event(
        TuningFinished(
            cell=name,
            trial=best.number,
            trials=total.trials,
            finished=total.finished,
            pruned=total.pruned,
            failed=total.failed,
            iterations=total.iterations,
            train_seconds=total.train_seconds,
            reason=reason or "",
            validation_auc=best.value,
            settings=best.params,
        )
    )
    tuned.runs += run_winner(search, best)


def _without_vary(experiment: Experiment) -> Experiment:
    """The one experiment that is tuned.

    Raises:
        InputError: it varies settings.
    """
    plain = expand(experiment)
    if len(plain) > 1:
        raise InputError(
            f"config {experiment.name} varies {', '.join(experiment.vary)}, and a tuning is of one "
            f"level: leave one, such as --set 'vary.{next(iter(experiment.vary))}=[…]'"
        )
    return plain[0]
