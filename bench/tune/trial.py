"""One trial: a training as a run's, watched by the pruner, that never answers the test part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import torch
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from bench.config import TrainConfig
from bench.execute.in_process import drop_damaged_checkpoint, keep_failure, reason_of
from bench.execute.one_cell import CellRunner
from bench.runs import records
from bench.runs.cells import Cell, train_config_of
from bench.train import Validation
from bench.train.checkpoint import BEST, LAST, load
from bench.tune.budget import Budget
from bench.tune.ledger import NOTHING, OUTCOME, PROGRESS, Ended, Outcome, spent_so_far

STATES: dict[Ended, TrialState] = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "budget": TrialState.PRUNED,
}


class Stopped(Exception):  # noqa: N818 - no error: the training ends here by decision
    """A training is to end before its end."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended)
        self.ended = ended


@dataclass(kw_only=True)
class Watch:
    """Reports each validation of a trial, and ends its training where that is decided.

    Attributes:
        trial: of the study.
        config: of its training.
        budget: of the search.
        progress: iterations and seconds up to the last validation.
        reported: validations that the study knows, counted from 1.
    """

    trial: optuna.Trial
    config: TrainConfig
    budget: Budget
    progress: dict[str, float] = field(default_factory=lambda: dict(NOTHING))
    reported: set[int]

    def __call__(self, history: Sequence[Validation]) -> None:
        """Take the history so far.

        Raises:
            Stopped: by the pruner, or since the budget is used up.
        """
        last = history[-1]
        for number, entry in enumerate(history, start=1):
            if number not in self.reported:
                self.trial.report(entry.validation_auc, number)
                self.reported.add(number)
        self.progress = {"iterations": last.iteration, "train_seconds": last.train_seconds}
        self.trial.set_user_attr(PROGRESS, self.progress)
        if last.decision == "stop" or last.iteration >= self.config.max_iterations:
            return  # it has ended by itself
        if self.trial.should_prune():
            raise Stopped("pruned")
        if self.budget.cuts(spent_so_far(self.trial.study.get_trials(deepcopy=False))):
            raise Stopped("budget")


def run_trial(
    trial: optuna.Trial,
    *,
    cell: Cell,
    runner: CellRunner,
    folder: Path,
    budget: Budget,
    known: Sequence[int],
) -> Outcome | None:
    """Train a trial's network, or go on with it, and tell the study how it ended.

    Args:
        trial: running, its parameters set.
        cell: what they mean.
        runner: of the trial.
        folder: held by this process.
        budget: of the search.
        known: validations that the study knows from before an interruption.

    Returns:
        How it ended; None where its worker was silent for so long that another one has given it
        up for dead.

    Raises:
        OSError: the disk is full, say; the trial is not counted and goes on next time.
        SQLAlchemyError, OptunaError: the storage is gone; likewise.
    """
    config = train_config_of(cell)
    drop_damaged_checkpoint(folder, runner.progress)
    runner.store.begin(folder, cell, runner.facts)
    watch = Watch(trial=trial, config=config, budget=budget, reported=set(known))
    value: float | None = None
    reason = ""
    ended: Ended
    try:
        try:
            _catch_up(watch, folder)
            training = runner.train(cell, folder, on_validation=watch).training
            ended, value = "finished", training.best.validation_auc
            if math.isnan(value):
                ended, reason = "failed", "validation AUC is undefined: no part has both classes"
        except Stopped as stop:
            ended = stop.ended
        except (OSError, SQLAlchemyError, OptunaError):
            raise
        except Exception as error:
            ended, reason = "failed", reason_of(error)
            keep_failure(error, reason, folder, runner.store)
        if ended == "failed":
            begun = int(watch.progress["iterations"]) + config.validate_every
            watch.progress["iterations"] = min(begun, config.max_iterations)
        result = Outcome(
            ended=ended,
            reason=reason,
            iterations=int(watch.progress["iterations"]),
            train_seconds=watch.progress["train_seconds"],
        )
        runner.store.end(folder, _outcome(result))
        trial.set_user_attr(OUTCOME, result.as_dict())
        state = STATES.get(ended, TrialState.FAIL)
        told = trial.study.tell(
            trial,
            value if state == TrialState.COMPLETE else None,
            state=state,
            skip_if_finished=True,
        )
    except UpdateFinishedTrialError:
        return None
    if told.state != state:
        return None
    for name in (LAST, BEST):
        # Nothing reads them again: the winner is trained anew, with other seeds.
        (folder / name).unlink(missing_ok=True)
    return result


def _catch_up(watch: Watch, folder: Path) -> None:
    """Judge what an interruption left unjudged, so that it changes no decision.

    Raises:
        Stopped: the training would have ended there.
    """
    state = load(folder / LAST, device=torch.device("cpu"))
    if state is not None:
        watch([Validation(**entry) for entry in state["history"]])


def _outcome(result: Outcome) -> records.Outcome:
    if result.ended == "finished":
        return records.Outcome(state="finished")
    return records.Outcome(state="failed", reason=result.reason or f"{result.ended} by the tuning")
