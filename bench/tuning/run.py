"""Tunes every model and loss of an experiment within the same budget, and runs the winners again.

A winner's runs are ordinary ones of the store. A search without a winner is recorded as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from filelock import FileLock
from optuna.trial import FrozenTrial
from sqlalchemy.engine import URL

from bench.config import Experiment, expand
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData, prepare_data
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.errors import InputError
from bench.events import MatrixFinished, Note, TuningFailed, TuningFinished, TuningStarted
from bench.execute.cell_runner import Job
from bench.execute.executors import LOCAL, Executor, Workers
from bench.execute.matrix import run_cells
from bench.execute.preflight import Checked, check_levels
from bench.execute.work import describe_work
from bench.files import make_folder
from bench.progress import Progress
from bench.runs.locks import check_locks
from bench.runs.records import Candidate, FailedTuningRecord, Reruns, TuningRecord
from bench.runs.store import Store
from bench.tuning.context import TuningContext
from bench.tuning.participation import search_by
from bench.tuning.plan import TRIAL_SEED, Plan, check_seeds
from bench.tuning.rerun import reruns_of, train_again
from bench.tuning.sampling import PRUNER, SAMPLER
from bench.tuning.space import Space, check_space, declare_space, settings_at
from bench.tuning.storage import check_shared, journal_file, lock_of, opened, parse_url
from bench.tuning.study import Search, make_search
from bench.tuning.trials import FAILED, ranked, spent


@dataclass(kw_only=True)
class Tuned:
    """Outcome of a tuning."""

    # How the winners' runs and the controls ended.
    runs: MatrixFinished = field(default_factory=MatrixFinished)
    # Models and losses without a winner, each with the reason.
    failed: dict[str, str] = field(default_factory=dict)


def tune_experiment(
    experiment: Experiment,
    plan: Plan,
    *,
    out: Path,
    device: torch.device,
    progress: Progress,
    executor: Executor = LOCAL,
) -> Tuned:
    """Search settings for each model and loss within the same budget, and run what won.

    This process searches one model and loss after the other; other workers search all of them at
    once, before the first winner is run.

    Args:
        experiment: its seeds are those of the winners' runs.
        out: folder of the runs; the trials are kept in its ``tuning``.
    """
    experiment = _without_vary(experiment)
    check_seeds(experiment.seeds)
    executor.check([experiment.train], device=device)
    store = Store(out)
    url = parse_url(plan.storage, store)
    check_shared(url, executor)
    (checked,) = check_levels([experiment], device=device)
    spaces = _spaces(experiment, plan, checked)
    store.check_writable()
    make_folder(store.tuning)
    _check_locks(store, url, progress)
    lock = lock_of(url, store)
    work = describe_work(out=out, device=device.type)
    with opened(url, lock=lock) as storage, executor.started(work, progress) as workers:
        context = TuningContext(
            plan=plan,
            prepared=_prepared(experiment, store, progress),
            environment=describe_environment(device),
            store=store,
            lock=lock,
            placements=PlacementCache(device),
            progress=progress,
        )
        # All of them before the first trial: pretrained weights that are missing are found here.
        searches = [make_search(context, space, storage) for space in spaces]
        _prepare(searches, progress)
        controls = [job for job in context.jobs(experiment) if job.cell.kind == "control"]
        tuned = Tuned()
        tuned.runs += run_cells(controls, execute=workers.execute)
        for group in [searches] if workers.others else [[search] for search in searches]:
            _tune(group, tuned, checked, workers)
    progress.event(replace(tuned.runs, no_winner=tuple(tuned.failed)))
    return tuned


def _spaces(experiment: Experiment, plan: Plan, checked: Checked) -> list[Space]:
    """The space of each model and loss."""
    spaces = [
        declare_space(experiment, model=model, loss=loss, fixed=plan.fixed, task=checked.task)
        for model in experiment.models
        for loss in experiment.losses
    ]
    for space in spaces:
        if _fault(space, checked) is None:
            check_space(space, checked.task)
    return spaces


def _prepared(experiment: Experiment, store: Store, progress: Progress) -> PreparedData:
    """The data, decoded and described; their split is stored."""
    study = open_study(experiment.data)
    make_task(experiment.task, study.finding_names)
    prepared = prepare_data(experiment, study, progress)
    for line in prepared.describe(store.root):
        progress.event(Note(line))
    prepared.split.write(store.splits, prepared.rows)
    return prepared


def _check_locks(store: Store, url: URL, progress: Progress) -> None:
    journal = journal_file(url)
    for note in (store.check_locks(), None if journal is None else check_locks(journal.parent)):
        if note:
            progress.event(Note(note))


def _prepare(searches: Sequence[Search], progress: Progress) -> None:
    for search in searches:
        search.check_budget()
    # All networks start from the same settings, most of the time: no line is said twice.
    lines = [line for search in searches for line in search.space.starts()[1]]
    for line in dict.fromkeys(lines):
        progress.event(Note(line))
    for search in searches:
        search.prepare()


def _without_vary(experiment: Experiment) -> Experiment:
    """The experiment of the only level of what it varies."""
    plain = expand(experiment)
    if len(plain) > 1:
        raise InputError(
            f"config {experiment.name} varies {', '.join(experiment.vary)}, and a tuning is of one "
            f"level: leave one, such as vary.{next(iter(experiment.vary))}=[…]"
        )
    model = plain[0].model.model_copy(update={"both": ()})
    return plain[0].model_copy(update={"model": model})


def _fault(space: Space, checked: Checked) -> InputError | None:
    """The reason why the model of a space cannot be trained with its loss; None where it can."""
    return checked.fault(model=space.base.models[0], loss=space.base.losses[0])


def _tune(searches: Sequence[Search], tuned: Tuned, checked: Checked, workers: Workers) -> None:
    """Search spaces, and run the winner of each again with the experiment's seeds.

    Args:
        searches: of one model and loss each.
        checked: knows which models cannot be trained, so that nothing is searched.
    """
    begun = []
    for search in searches:
        budget = str(search.context.plan.budget)
        search.context.progress.event(TuningStarted(cell=search.space.name, budget=budget))
        fault = _fault(search.space, checked)
        if fault is None:
            begun.append(search)
        else:
            _fail(search, tuned, str(fault))
    if workers.others:
        search_by(workers.others, begun)
    else:
        for search in begun:
            search.run()
    found = [search for search in begun if ranked(search.trials())]
    for search in begun:
        if search not in found:
            _fail(search, tuned, _failure(search.trials(), search.reason()))
    train_again(found, workers.execute)
    jobs = [job for search in found for job in _declare_winner(search)]
    tuned.runs += run_cells(jobs, execute=workers.execute)


def _declare_winner(search: Search) -> list[Job]:
    """Name and record the winner of a search; returns its runs."""
    trials, reruns = search.trials(), reruns_of(search)
    winner, total = reruns.candidates[0], spent(trials)
    search.context.progress.event(
        TuningFinished(
            cell=search.space.name,
            trial=winner.trial,
            trials=total.trials,
            finished=total.finished,
            pruned=total.pruned,
            failed=total.failed,
            iterations=total.iterations,
            train_seconds=total.train_seconds,
            reason=search.reason() or "",
            validation_auc=_mean(winner),
            trainings=len(winner.validation_aucs),
            settings=settings_at(trials[winner.trial].params),
        )
    )
    return _record_winner(search, trials[winner.trial], reruns)


def _mean(winner: Candidate) -> float:
    """Mean validation AUC of a winner; where reruns failed, of its other trainings."""
    known = [auc for auc in winner.validation_aucs if auc is not None]
    return sum(known) / len(known)


def _failure(trials: Sequence[FrozenTrial], reason: str | None) -> str:
    """Reason for a search without a winner, with a hint where there is one.

    Args:
        reason: why the search ended before its budget was used up, if it did.
    """
    total = spent(trials)
    text = f"none of {total.trials} trials was trained to its end"
    if reason is not None:
        text += f": {reason}"
    elif total.pruned:
        text += ": give a larger budget"
    failures = [trial.user_attrs[FAILED] for trial in trials if FAILED in trial.user_attrs]
    return text + (f"; the last that failed: {failures[-1]}" if failures else "")


def _fail(search: Search, tuned: Tuned, reason: str) -> None:
    """End a search without a winner, for a reason that is kept."""
    context, base = search.context, search.space.base
    tuned.failed[search.space.name] = reason
    failed = FailedTuningRecord(
        study=search.study.study_name,
        experiment=base.name,
        task=base.task,
        model=base.models[0],
        loss=base.losses[0],
        budget=context.plan.budget.as_dict(),
        reason=reason,
        spent=spent(search.trials()),
    )
    with FileLock(context.lock):  # other workers have found none either
        context.store.record_failed_tuning(failed)
    context.progress.event(TuningFailed(cell=search.space.name, reason=reason))


def _record_winner(search: Search, best: FrozenTrial, reruns: Reruns) -> list[Job]:
    """Record a tuning with the runs of the settings that won; returns these."""
    context = search.context
    jobs = context.jobs(search.space.at(best.params))
    networks = [job for job in jobs if job.cell.kind == "network"]
    with FileLock(context.lock):  # other workers have found the same winner
        experiment = jobs[0].runner.facts.experiment
        context.store.record_experiment(experiment, [job.folder for job in jobs])
        runs = {job.folder.name for job in networks}
        context.store.record_tuning(_record(search, best, reruns, runs))
    return networks


def _record(search: Search, best: FrozenTrial, reruns: Reruns, runs: set[str]) -> TuningRecord:
    context, base = search.context, search.space.base
    plan, study = context.plan, search.study.study_name
    before = [record for record in context.store.tunings() if record.study == study]
    # Runs of the same winner with other seeds, from before, are its own too.
    winner = settings_at(best.params)
    same = [record for record in before if record.winner == winner]
    own = runs.union(*(record.runs for record in same))
    others = {run for record in before for run in (*record.runs, *record.superseded)}
    return TuningRecord(
        study=study,
        experiment=base.name,
        model=base.models[0],
        loss=base.losses[0],
        budget=plan.budget.as_dict(),
        spent=spent(search.trials()),
        searched=search.space.described(),
        winner=winner,
        trial=best.number,
        validation_auc=_mean(reruns.candidates[0]),
        reruns=reruns,
        seed=TRIAL_SEED,
        seeds=tuple(sorted({*base.seeds, *(seed for record in same for seed in record.seeds)})),
        runs=tuple(sorted(own)),
        sampler=SAMPLER,
        pruner=PRUNER,
        storage=parse_url(plan.storage, context.store).get_backend_name(),
        superseded=tuple(sorted(others - own)),
    )
