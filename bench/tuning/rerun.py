"""The best trials of a search, trained again with fresh seeds before one of them is taken.

The best of many trials is one whose seed was lucky. A mean over several seeds is judged instead,
still by the validation part alone. The trainings are kept beside the trials, in folders by their
key, and go on after a kill; every search has as many.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress

import pandas as pd
from optuna.trial import FrozenTrial

from bench.events import CellFailed, CellStarted, RerunEnded
from bench.execute.cell_runner import Job
from bench.execute.matrix import drop_damaged_checkpoint, keep_failure, reason_of
from bench.runs.checksums import HISTORY
from bench.runs.records import Candidate, Outcome, Reruns
from bench.train import TrainingFailedError
from bench.train.checkpoint import LAST
from bench.tuning.plan import RERUN_SEEDS
from bench.tuning.space import settings_at
from bench.tuning.study import SECONDS_BETWEEN_LOOKS, Search

CANDIDATES = 3


def run_again(search: Search, trials: Sequence[FrozenTrial]) -> Reruns:
    """Train the settings of the best trials with fresh seeds.

    Args:
        search: with its store.
        trials: that were trained to their end, the best first.

    Returns:
        The candidates, the best by its mean first, and what the reruns cost.
    """
    context = search.context
    best = trials[:CANDIDATES]
    jobs = [
        context.trial_job(search.space, trial.params, search.store, number=trial.number, seed=seed)
        for trial in best
        for seed in RERUN_SEEDS
    ]
    for index, job in enumerate(jobs, start=1):
        _train_or_wait(job, index=index, total=len(jobs))
    search.drop_checkpoints()
    histories = [_history(job) for job in jobs]
    aucs = [_auc(job, history) for job, history in zip(jobs, histories, strict=True)]
    candidates = [
        Candidate(
            trial=trial.number,
            settings=settings_at(trial.params),
            validation_aucs=(trial.value, *aucs[first : first + len(RERUN_SEEDS)]),
        )
        for trial, first in zip(best, range(0, len(jobs), len(RERUN_SEEDS)), strict=True)
    ]
    ends = [history.iloc[-1] for history in histories if len(history)]
    return Reruns(
        # A stable order: of equals the better trial comes first.
        candidates=tuple(sorted(candidates, key=lambda candidate: -(candidate.mean or 0.0))),
        seeds=RERUN_SEEDS,
        iterations=sum(int(end["iteration"]) for end in ends),
        train_seconds=math.fsum(float(end["train_seconds"]) for end in ends),
    )


def _train_or_wait(job: Job, *, index: int, total: int) -> None:
    """Train a network, unless it was before; wait where another worker is at it.

    What failed in an earlier tuning is tried again, as a failed run of a matrix is.
    """
    store = job.runner.store
    while True:
        with store.claim(job.folder) as claimed:
            if claimed:
                outcome = store.outcome(job.folder)
                if outcome is None or outcome.state == "failed":
                    _train(job, index=index, total=total)
                return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _train(job: Job, *, index: int, total: int) -> None:
    runner, folder = job.runner, job.folder
    drop_damaged_checkpoint(folder, runner.progress)
    resumes = (folder / LAST).is_file()
    earlier = runner.store.attempts(folder) if resumes else ()
    runner.store.begin(folder, job.cell, runner.facts, earlier=earlier)
    runner.progress.event(
        CellStarted(cell=job.label, index=index, total=total, folder=folder.name, resumes=resumes)
    )
    try:
        trained = runner.train(job.cell, folder)
        auc = trained.training.best.validation_auc
        if math.isnan(auc):
            raise TrainingFailedError("validation AUC is undefined: no part has both classes")
    except OSError:
        raise
    except (Exception, SystemExit) as error:
        reason = reason_of(error)
        keep_failure(error, reason, folder, runner.store)
        runner.progress.event(CellFailed(cell=job.label, reason=reason, folder=folder.name))
    else:
        runner.store.end(folder, Outcome(state="finished", costs=trained.costs))
        runner.progress.event(RerunEnded(cell=job.label, validation_auc=auc))


def _history(job: Job) -> pd.DataFrame:
    """The validations of a training that ended; none where it failed before the first."""
    with suppress(FileNotFoundError):
        return pd.read_csv(job.folder / HISTORY)
    return pd.DataFrame()


def _auc(job: Job, history: pd.DataFrame) -> float | None:
    """Best validation AUC of a training; None where it failed."""
    outcome = job.runner.store.outcome(job.folder)
    if outcome is None or outcome.state != "finished":
        return None
    return float(history["validation_auc"].max())
