"""The winner of a search: run again with fresh seeds, and recorded; or recorded as missing."""

from __future__ import annotations

from collections.abc import Sequence

from filelock import FileLock
from optuna.trial import FrozenTrial

from bench.events import MatrixFinished
from bench.execute.matrix import run_cells
from bench.runs.records import FailedTuningRecord, TuningRecord
from bench.tuning.sampling import PRUNERS, SAMPLERS
from bench.tuning.storage import kind
from bench.tuning.study import Search
from bench.tuning.trials import FAILED, spent


def run_winner(search: Search, best: FrozenTrial) -> MatrixFinished:
    """Run the settings of the best trial with the experiment's seeds, and record the tuning.

    The runs are ordinary ones of the store; what is finished is left alone.
    """
    context = search.context
    jobs = context.jobs(search.space.at(best.params))
    networks = [job for job in jobs if job.cell.kind == "network"]
    names = [job.folder.name for job in networks]
    with FileLock(context.lock):  # other workers have found the same winner
        facts = jobs[0].runner.facts
        context.store.record_experiment(facts.experiment, [job.folder for job in jobs])
        context.store.record_tuning(_record(search, best, runs=names))
    return run_cells(networks)


def record_failure(search: Search, reason: str) -> None:
    """Record that a search has no winner."""
    context, base = search.context, search.space.base
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


def why_no_winner(trials: Sequence[FrozenTrial], reason: str | None) -> str:
    """Reason for a search without a winner, with the way out where there is one.

    Args:
        trials: of the study.
        reason: why the search ended before its budget was used up, if it did.
    """
    total = spent(trials)
    text = f"none of {total.trials} trials was trained to its end"
    if reason is not None:
        text += f": {reason}"
    elif total.pruned:
        text += ": give a larger --budget"
    failures = [trial.user_attrs[FAILED] for trial in trials if FAILED in trial.user_attrs]
    return text + (f"; the last that failed: {failures[-1]}" if failures else "")


def _record(search: Search, best: FrozenTrial, *, runs: Sequence[str]) -> TuningRecord:
    assert best.value is not None, "it was trained to its end"
    plan, base = search.context.plan, search.space.base
    study = search.study.study_name
    before = [record for record in search.context.store.tunings() if record.study == study]
    # Runs of the same winner with other seeds, from before, are its own too.
    same = [record for record in before if record.winner == best.params]
    own = {*runs, *(run for record in same for run in record.runs)}
    others = {run for record in before for run in (*record.runs, *record.superseded)}
    return TuningRecord(
        study=study,
        experiment=base.name,
        model=base.models[0],
        loss=base.losses[0],
        budget=plan.budget.as_dict(),
        spent=spent(search.trials()),
        searched=search.space.described(),
        winner=best.params,
        trial=best.number,
        validation_auc=best.value,
        seed=plan.trial_seed,
        seeds=tuple(sorted({*base.seeds, *(seed for record in same for seed in record.seeds)})),
        runs=tuple(sorted(own)),
        sampler=SAMPLERS[plan.sampler],
        pruner=PRUNERS[plan.pruner],
        storage="sqlite" if plan.storage is None else kind(plan.storage),
        superseded=tuple(sorted(others - own)),
    )
