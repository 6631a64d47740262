"""Tunes every model and loss of an experiment within the same budget."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.config import Experiment, expand
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.errors import InputError
from bench.events import Note
from bench.execute import about, check_experiment, prepare
from bench.progress import Progress
from bench.runs.store import Store
from bench.tune.plan import Plan
from bench.tune.space import make_space
from bench.tune.storage import default_url, kind, lock_of, opened
from bench.tune.tuner import Tuned, Tuner


def tune_experiment(
    experiment: Experiment, plan: Plan, *, out: Path, device: torch.device, progress: Progress
) -> Tuned:
    """Search settings for each model and loss within the same budget, and run what won.

    Args:
        experiment: its seeds are those of the winners' runs.
        plan: budget, sampler, pruner, storage.
        out: folder of the runs; the trials are kept in its ``tuning``.
        device: where networks are trained.
        progress: told of everything that happens.

    Raises:
        InputError: anything that the user can mend, before the first trial starts; the storage
            can also be lost later.
    """
    one = _without_vary(experiment)
    plan.check_seeds(one.seeds)
    task = check_experiment(one, device=device)
    spaces = [
        make_space(one, model=model, loss=loss, fixed=plan.fixed, task=task)
        for model in one.models
        for loss in one.losses
    ]
    store = Store(out)
    store.check_writable()
    url = plan.storage or default_url(store)
    store.tuning.mkdir(parents=True, exist_ok=True)
    lock = lock_of(url, store)
    with opened(url, lock=lock) as storage:
        study = open_study(one.data)
        make_task(one.task, study.finding_names)
        prepared = prepare(one, study, progress)
        for line in about(prepared, out):
            progress.event(Note(line))
        prepared.split.write(store.splits, prepared.rows)
        tuner = Tuner(
            plan=plan,
            prepared=prepared,
            described=prepared.record,
            environment=describe_environment(device),
            store=store,
            storage=storage,
            storage_kind=kind(url),
            lock=lock,
            placements=PlacementCache(device),
            progress=progress,
        )
        # All of them before the first trial: pretrained weights that are missing are found here.
        searches = [tuner.search(space) for space in spaces]
        for search in searches:
            tuner.check_budget(search)
        for search in searches:
            tuner.describe(search)
        tuned = Tuned(studies=[search.study.study_name for search in searches])
        tuned.add(tuner.run_controls(one))
        for search in searches:
            tuner.tune(search, tuned)
    progress.event(tuned.runs.event(no_winner=tuned.failed))
    return tuned


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
