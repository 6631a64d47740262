"""The trials of a study taken together: what they cost, which were interrupted, their order.

A trial's user attributes hold what Optuna does not: see the constants. A trial that Optuna calls
failed has failed in its training, was skipped (its point had been evaluated, or the budget was
used up), or was interrupted; an interrupted trial is queued again under another number.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from bench.runs.records import Spent
from bench.tuning.plan import Budget

WORKER = "worker"
"""``{"at": id of the trials' folder, "signs": id of the folder of the locks, "name": of the
worker}``."""
START = "start"
"""Identity of the checkpoint that it began from; None where it began anew."""
STOPPED = "stopped"
"""Value of :data:`START` of a trial whose worker ended it, by a signal or where a disk was full."""
FAULT = "fault"
"""Error of the device that interrupted it."""
COST = "cost"
"""Iterations and seconds of training in this trial, up to its last validation."""
FAILED = "failed"
"""Reason why the training failed."""
SKIPPED = "skipped"
"""Reason why nothing was trained."""
RETRIES = "retries"
"""Number of the interrupted trial whose parameters it has."""

MOST_DEATHS = 3
"""Deaths of workers at one point of a trial's training, after which it has failed."""
VAIN_TRIALS_THAT_END = 20
"""So many failures and repetitions in a row: more would follow, however large the budget."""
REPEATED = "evaluated before"
TOO_LATE = "begun beside others, and the budget ends before it"
"""Reasons to skip a trial. The second says nothing about the search."""


@dataclass(frozen=True)
class Cost:
    """Cost of a training up to a validation."""

    iterations: int = 0
    train_seconds: float = 0.0

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.iterations - other.iterations, self.train_seconds - other.train_seconds)


def cost(trials: Sequence[FrozenTrial]) -> Cost:
    """Cost of several trials together."""
    costs = [Cost(**trial.user_attrs[COST]) for trial in trials if COST in trial.user_attrs]
    return Cost(
        sum(part.iterations for part in costs), math.fsum(part.train_seconds for part in costs)
    )


def spent(trials: Sequence[FrozenTrial]) -> Spent:
    """Costs of a study: the trials that ended by themselves, and the training of all."""
    states = Counter(
        trial.state
        for trial in trials
        if trial.state != TrialState.FAIL or FAILED in trial.user_attrs
    )
    finished, pruned, failed = (
        states[state] for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    )
    total = cost(trials)
    return Spent(
        trials=finished + pruned + failed,
        finished=finished,
        pruned=pruned,
        failed=failed,
        iterations=total.iterations,
        train_seconds=total.train_seconds,
    )


def used(trials: Sequence[FrozenTrial], budget: Budget, *, before: int = sys.maxsize) -> float:
    """Used part of a budget, in its unit; a trial that has not ended counts as one.

    Args:
        before: trials from this number on are left out.
    """
    amount = spent(trials[:before]).measured(budget.unit)
    if budget.unit == "trials":
        amount += sum(trial.number < before for trial in unfinished(trials))
    return amount


def has_room(
    trials: Sequence[FrozenTrial],
    budget: Budget,
    *,
    interval: int,
    before: int = sys.maxsize,
    without: int | None = None,
) -> bool:
    """Whether a budget allows for one more trial, or one more interval of a trial.

    Each trial that is running may train to its next validation. Their iterations are held back, so
    that several workers together end within one interval of the budget, as a single one does.

    Args:
        interval: iterations between two validations.
        before: trials from this number on are left out.
        without: number of the trial that asks for its next interval.
    """
    amount = used(trials, budget, before=before)
    if budget.unit == "iterations":
        running = [
            trial
            for trial in trials[:before]
            if trial.state == TrialState.RUNNING and trial.number != without
        ]
        amount += interval * len(running)
    return amount < budget.amount


def most_workers(trials: Sequence[FrozenTrial], budget: Budget, *, interval: int) -> float:
    """Number of workers that a budget has work for: a trial for each, or an interval.

    With a budget of minutes nobody knows. A queued trial is work, if only to be ended.

    Args:
        interval: iterations between two validations.
    """
    left = budget.amount - spent(trials).measured(budget.unit)
    units = {"trials": left, "iterations": math.ceil(left / interval), "minutes": math.inf}
    queued = sum(trial.state == TrialState.WAITING for trial in trials)
    return max(queued, units[budget.unit])


def was_interrupted(trial: FrozenTrial) -> bool:
    """Whether a trial was ended by something else than its training."""
    return trial.state == TrialState.FAIL and not {FAILED, SKIPPED} & trial.user_attrs.keys()


def interrupted(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials whose worker was killed, stopped or fell silent, and that nobody has retried."""
    retried = {trial.user_attrs.get(RETRIES) for trial in trials}
    return [trial for trial in trials if was_interrupted(trial) and trial.number not in retried]


def unfinished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that are running, wait for a worker, or were interrupted and not queued again."""
    lost = {trial.number for trial in interrupted(trials)}
    return [trial for trial in trials if not trial.state.is_finished() or trial.number in lost]


def deaths(trials: Sequence[FrozenTrial], trial: FrozenTrial, start: object) -> int:
    """Number of workers in a row that were killed before the next checkpoint of a trial."""
    count, number = 0, trial.user_attrs.get(RETRIES)
    while number is not None:
        attrs = trials[number].user_attrs
        if attrs.get(START, start) != start:
            break
        count += START in attrs  # else it did not get so far
        number = attrs.get(RETRIES)
    return count


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue an interrupted trial again.

    What it has cost stays with it; the new trial is charged with what is trained from there on.
    """
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={RETRIES: trial.number},
            system_attrs=trial.system_attrs,
        )
    )


def is_repeated(trials: Sequence[FrozenTrial], trial: FrozenTrial) -> bool:
    """Whether an earlier trial has the same parameters, and was evaluated or is to be."""
    retried = {other.user_attrs.get(RETRIES) for other in trials}
    return any(
        other.params == trial.params
        and SKIPPED not in other.user_attrs
        and other.number not in retried
        for other in trials[: trial.number]
    )


def in_vain(trials: Sequence[FrozenTrial]) -> str | None:
    """Reason to end a search before its budget is used up; None where there is none."""
    ended = [
        trial
        for trial in trials
        if trial.state.is_finished()
        and not was_interrupted(trial)
        and trial.user_attrs.get(SKIPPED) != TOO_LATE
    ]
    last = ended[-VAIN_TRIALS_THAT_END:]
    if len(last) < VAIN_TRIALS_THAT_END or any(trial.state != TrialState.FAIL for trial in last):
        return None
    return f"the last {len(last)} trials failed or repeated earlier ones"


def ranked(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were trained to their end, by validation AUC; the first of equals first.

    A pruned one is no candidate: nobody knows where it would have led.
    """
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(finished, key=lambda trial: trial.value or 0.0, reverse=True)
