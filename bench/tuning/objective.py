"""The objective of a search: a training as a run's, judged by validation AUC.

A trial's folder is named by the key of its settings, as a run's is. A trial that is retried
finds the checkpoint of the interrupted one there, and goes on from it. The test part is never
looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna
import torch
from optuna import TrialPruned
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial
from sqlalchemy.exc import SQLAlchemyError

from bench import signals
from bench.config import TrainConfig
from bench.errors import first_line
from bench.events import TrialEnded, TrialStarted
from bench.execute.cell_runner import Job
from bench.execute.dispatch import checkpoint_of
from bench.execute.matrix import (
    DeviceFault,
    drop_damaged_checkpoint,
    is_device_fault,
    keep_failure,
    reason_of,
)
from bench.runs.records import Outcome
from bench.runs.store import Store
from bench.train.checkpoint import LAST, load
from bench.train.errors import TrainingFailedError
from bench.train.history import Validation
from bench.tuning.context import TuningContext
from bench.tuning.plan import Budget
from bench.tuning.space import Space, settings_at
from bench.tuning.trials import (
    COST,
    FAILED,
    FAULT,
    MOST_DEATHS,
    REPEATED,
    RETRIES,
    SKIPPED,
    START,
    STOPPED,
    TOO_LATE,
    WORKER,
    Cost,
    cost,
    deaths,
    has_room,
    is_repeated,
    spent,
    used,
)

SECONDS_FOR_OTHERS, SECONDS_FOR_FORMER_WORKER = 1.0, 10.0
"""Patience for a trial's folder. A worker that was given up leaves it at its next validation."""
PRUNED, BUDGET = "pruned", "budget"
UNDEFINED = "validation AUC is undefined: no part has both classes"
NOTHING = Cost()


class TakenOverError(BaseException):
    """Another worker has given this trial up for dead.

    Not an ``Exception``: Optuna would try to end the trial, which has ended.
    """


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Trains a trial's network and returns its validation AUC."""

    context: TuningContext
    space: Space
    store: Store
    worker: dict[str, str | None]  # this process, as :data:`bench.tuning.trials.WORKER` says

    def __call__(self, trial: optuna.Trial) -> float:
        """Evaluate a trial; NaN, which Optuna counts as a failure, where it failed or is skipped.

        Raises:
            TrialPruned: by the pruner, or since the budget is used up.
            TakenOverError: another worker has failed the trial.
            DeviceFault: the device failed, and not the trial, which is interrupted; so it is by
                the next three.
            OSError: the disk is full, say.
            SQLAlchemyError, OptunaError: the storage is gone.
        """
        try:
            return self._evaluate(trial)
        except UpdateFinishedTrialError:
            raise TakenOverError from None

    def _evaluate(self, trial: optuna.Trial) -> float:
        trial.set_user_attr(WORKER, self.worker)
        self.space.draw(trial)
        trials = trial.study.get_trials(deepcopy=False)
        if is_repeated(trials, trials[trial.number]):
            return _skip(trial, REPEATED)
        interval = self.space.base.train.validate_every
        budget = self.context.plan.budget
        if not has_room(trials, budget, interval=interval, before=trial.number):
            if RETRIES in trial.user_attrs:
                raise TrialPruned(BUDGET)
            return _skip(trial, TOO_LATE)
        job = self.context.trial_job(self.space, trial.params, self.store, number=trial.number)
        is_retry = RETRIES in trial.user_attrs
        patience = SECONDS_FOR_FORMER_WORKER if is_retry else SECONDS_FOR_OTHERS
        with self.store.claim(job.folder, patience=patience) as free:
            if free:
                return self._train(trial, job, trials)
            # A former worker that slept still holds its folder: this try is queued once more.
            return math.nan if is_retry else _skip(trial, REPEATED)

    def _train(self, trial: optuna.Trial, job: Job, trials: Sequence[FrozenTrial]) -> float:
        """Train, or go on with, the network of a trial whose folder this process holds."""
        runner, folder = job.runner, job.folder
        drop_damaged_checkpoint(folder, runner.progress)
        resumes = (folder / LAST).is_file()
        runner.progress.event(
            TrialStarted(
                cell=job.label,
                trial=trial.number,
                done=spent(trials).trials,
                settings=settings_at(trial.params),
                folder=folder.name,
                resumes=resumes,
            )
        )
        earlier = self.store.attempts(folder) if resumes else ()
        self.store.begin(folder, job.cell, runner.facts, earlier=earlier)
        start = checkpoint_of(folder)
        trial.set_user_attr(START, start)
        watch = Watch(
            trial=trial,
            config=job.cell.network.train,
            budget=self.context.plan.budget,
            charged=self._charged(trials, trial) if resumes else NOTHING,
        )
        value, ended, reason = math.nan, "finished", ""
        try:
            _check_deaths(trials, trial, start)
            if history := _stored_history(folder):
                # As if the training had come to it in this trial; it may end there.
                self.store.write_history(folder, history)
                watch(history)
            value = runner.train(job.cell, folder, on_validation=watch).validation_auc
            if math.isnan(value):
                raise TrainingFailedError(UNDEFINED)
        except TrialPruned as stop:
            value, ended = watch.last_auc, str(stop)
            self.store.end(folder, Outcome(state="failed", reason=f"{ended} by the tuning"))
        except (signals.Stopped, OSError):
            with suppress(SQLAlchemyError, OptunaError):  # a full disk can be the storage's too
                trial.set_user_attr(START, STOPPED)
            raise
        except (SQLAlchemyError, OptunaError):
            raise
        except (Exception, SystemExit) as error:
            if is_device_fault(error) and not _had_fault(trials, trial):
                trial.set_user_attr(FAULT, first_line(error))
                trial.set_user_attr(START, STOPPED)
                raise DeviceFault(first_line(error)) from error
            ended, reason = "failed", reason_of(error)
            keep_failure(error, reason, folder, self.store)
            watch.charge_interval()
            trial.set_user_attr(FAILED, reason)
        else:
            self.store.end(folder, Outcome(state="finished"))
        self._report_end(trial, job, ended=ended, reason=reason, value=value)
        if ended in (PRUNED, BUDGET):
            raise TrialPruned(ended)
        return value

    def _report_end(
        self, trial: optuna.Trial, job: Job, *, ended: str, reason: str, value: float
    ) -> None:
        trials = trial.study.get_trials(deepcopy=False)
        budget = self.context.plan.budget
        job.runner.progress.event(
            TrialEnded(
                cell=job.label,
                trial=trial.number,
                ended=ended,
                reason=reason,
                validation_auc=None if ended == "failed" else value,
                done=spent(trials).trials + 1,
                used=round(used(trials, budget), 3),
                budget=str(budget),
            )
        )

    def _charged(self, trials: Sequence[FrozenTrial], trial: optuna.Trial) -> Cost:
        """Cost that earlier trials were charged for the checkpoint that a trial goes on from."""
        return cost(
            [
                other
                for other in trials[: trial.number]
                if other.params == trial.params
                and other.user_attrs.get(WORKER, {}).get("at") == self.worker["at"]
            ]
        )


@dataclass(kw_only=True)
class Watch:
    """Reports each validation of a trial, and ends its training where that is decided."""

    trial: optuna.Trial
    config: TrainConfig
    budget: Budget
    charged: Cost  # what earlier trials were charged for the training that this one goes on with
    reached: Cost = NOTHING  # what the training has cost in all
    reported: int = 0  # validations that the study knows
    last_auc: float = math.nan

    def __call__(self, history: Sequence[Validation]) -> None:
        """Take the history so far.

        Raises:
            TrialPruned: by the pruner, or since the budget is used up.
        """
        last = history[-1]
        for step in range(self.reported + 1, len(history) + 1):
            self.trial.report(history[step - 1].validation_auc, step)
        self.reported, self.last_auc = len(history), last.validation_auc
        self._charge(Cost(last.iteration, last.train_seconds))
        if last.decision == "stop" or last.iteration >= self.config.max_iterations:
            return  # it has ended by itself
        if self.trial.should_prune():
            raise TrialPruned(PRUNED)
        trials = self.trial.study.get_trials(deepcopy=False)
        if self.budget.unit != "trials" and not has_room(
            trials,
            self.budget,
            interval=self.config.validate_every,
            without=self.trial.number,
        ):
            raise TrialPruned(BUDGET)

    def charge_interval(self) -> None:
        """Charge a failed training with the whole interval in which it failed."""
        end = self.reached.iterations + self.config.validate_every
        self._charge(Cost(min(end, self.config.max_iterations), self.reached.train_seconds))

    def _charge(self, reached: Cost) -> None:
        self.reached = reached
        self.trial.set_user_attr(COST, asdict(reached - self.charged))


def _stored_history(folder: Path) -> list[Validation]:
    """The history of a checkpoint; empty where there is none."""
    state = load(folder / LAST, device=torch.device("cpu"))
    return [] if state is None else [Validation(**entry) for entry in state["history"]]


def _check_deaths(trials: Sequence[FrozenTrial], trial: optuna.Trial, start: object) -> None:
    """Refuse to train once more what has killed its worker, so that the others are not for nothing.

    Raises:
        TrainingFailedError: it did, again and again.
    """
    if deaths(trials, trials[trial.number], start) >= MOST_DEATHS:
        raise TrainingFailedError(f"its worker was killed {MOST_DEATHS} times at the same point")


def _had_fault(trials: Sequence[FrozenTrial], trial: optuna.Trial) -> bool:
    """Whether a trial was interrupted by a device before."""
    before = trial.user_attrs.get(RETRIES)
    return before is not None and FAULT in trials[before].user_attrs


def _skip(trial: optuna.Trial, reason: str) -> float:
    trial.set_user_attr(SKIPPED, reason)
    return math.nan
