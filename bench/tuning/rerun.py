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
from pathlib import Path

import pandas as pd
from optuna.trial import FrozenTrial

from bench import signals
from bench.events import Event, RerunEnded
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.matrix import Execute, run_cells
from bench.runs.cells import Cell
from bench.runs.checksums import END, HISTORY
from bench.runs.records import Candidate, Outcome, Reruns
from bench.train.errors import TrainingFailedError
from bench.tuning.objective import UNDEFINED
from bench.tuning.plan import RERUN_SEEDS
from bench.tuning.space import settings_at
from bench.tuning.study import SECONDS_BETWEEN_LOOKS, Search
from bench.tuning.trials import ranked

CANDIDATES = 3


class RerunRunner(CellRunner):
    """Runner of trainings that predict nothing: the test part is not looked at."""

    def run(self, cell: Cell, folder: Path) -> tuple[float, Outcome]:
        """Train a cell's network.

        Returns:
            Its validation AUC, and the outcome to record.

        Raises:
            TrainingFailedError: the loss is no longer finite, or the AUC is undefined.
        """
        trained = self.train(cell, folder)
        if math.isnan(trained.validation_auc):
            raise TrainingFailedError(UNDEFINED)
        return trained.validation_auc, Outcome(state="finished", costs=trained.costs)

    def describe_end(self, cell: Cell, outcome: Outcome, *, auc: float, seconds: float) -> Event:
        """The event that says that a cell was trained again."""
        del outcome, seconds
        return RerunEnded(cell=self.label(cell), validation_auc=auc)


def train_again(searches: Sequence[Search], execute: Execute) -> None:
    """Train the settings of the best trials of some searches with fresh seeds.

    It waits for those that another process trains. What failed in an earlier tuning is tried
    again, as a failed run of a matrix is.

    Args:
        searches: that have ended, each with its store.
    """
    left = [job for search in searches for job in _jobs(search, _best(search))]
    for job in left:
        _forget_damaged(job)
    while run_cells(left, execute=execute).elsewhere:
        left = [job for job in left if job.runner.store.outcome(job.folder) is None]
        while left and all(job.runner.store.is_held(job.folder) for job in left):
            signals.check()
            time.sleep(SECONDS_BETWEEN_LOOKS)
    for search in searches:
        search.drop_checkpoints()


def _forget_damaged(job: Job) -> None:
    """Let a damaged training be done again: nothing but the choice of the winner depends on it."""
    store = job.runner.store
    with store.claim(job.folder) as claimed:
        if claimed and store.outcome(job.folder) is None:
            (job.folder / END).unlink(missing_ok=True)


def reruns_of(search: Search) -> Reruns:
    """The candidates of a search, the best by its mean first, and what their reruns cost.

    Args:
        search: whose best trials :func:`train_again` has trained.
    """
    best = _best(search)
    jobs = _jobs(search, best)
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


def _best(search: Search) -> list[FrozenTrial]:
    return ranked(search.trials())[:CANDIDATES]


def _jobs(search: Search, best: Sequence[FrozenTrial]) -> list[Job]:
    return [
        search.context.trial_job(
            search.space,
            trial.params,
            search.store,
            number=trial.number,
            seed=seed,
            kind=RerunRunner,
        )
        for trial in best
        for seed in RERUN_SEEDS
    ]


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
