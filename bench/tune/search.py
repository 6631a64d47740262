"""The search for one model and loss: workers take trials until the budget is used up.

A worker holds the lock of its trial's folder, as a run does. A trial that is running by the
study's word while its lock is free belongs to a process that was killed: the next worker in the
same folder takes it up under its number and goes on from its last validation. Workers of other
machines see no locks; they are known by their heartbeat in the storage, and the parameters of one
that has fallen silent are begun anew.
"""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from bench.cells import Cell
from bench.execute.one_cell import CellRunner
from bench.progress import Progress
from bench.registry.search import Scalar
from bench.store import Store
from bench.tune.budget import Budget
from bench.tune.ledger import (
    INTERRUPTED,
    OUTCOME,
    Outcome,
    futile,
    has_room,
    is_surplus,
    repeats,
    running,
    spent,
)
from bench.tune.sampling import suggest
from bench.tune.space import Space
from bench.tune.storage import CONTINUES, heartbeat
from bench.tune.trial import run_trial

WORKER = "worker"
"""Attribute of a trial: who is at it, and in which folder."""
SECONDS_BETWEEN_LOOKS = 1.0
ORPHAN_SECONDS = 60
"""A trial of a server's study that nobody has named as its own for so long has no worker."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A trial that this process holds.

    Attributes:
        trial: running, its parameters set.
        cell: what they mean.
        folder: its own.
        known: validations that the study knows from before an interruption.
        continues: an interrupted trial is taken up.
    """

    trial: optuna.Trial
    cell: Cell
    folder: Path
    known: tuple[int, ...]
    continues: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """Everything that the workers of one study need.

    Attributes:
        study: with its sampler and pruner.
        storage: that holds it.
        lock: file that is held while a trial is asked for.
        space: what is searched.
        budget: to be used up.
        store: where the trials' folders are.
        cell_at: what parameters mean.
        runner_of: what the trial of a number is trained with.
        name: of the model and loss, for people.
        progress: told of every trial.
    """

    study: optuna.Study
    storage: RDBStorage
    lock: Path
    space: Space
    budget: Budget
    store: Store
    cell_at: Callable[[dict[str, Scalar]], Cell]
    runner_of: Callable[[int], CellRunner]
    name: str
    progress: Progress

    def run(self) -> str | None:
        """Take trials until the budget is used up and no worker is at one any more.

        Returns:
            Why the search ended before that; None where it did not.
        """
        waited = False
        while True:
            with self._take() as taken:
                if taken is not None:
                    self._run(taken)
                    continue
            trials = self.trials()
            busy = running(trials)
            if not busy and (not has_room(trials, self.budget) or futile(trials)):
                return futile(trials) if has_room(trials, self.budget) else None
            if busy and not waited:
                text = f"{self.name}: waiting for trials of other workers ({len(busy)})"
                self.progress.event("note", text=text)
                waited = True
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def trials(self) -> list[FrozenTrial]:
        """All of the study's, by number."""
        return self.study.get_trials(deepcopy=False)

    @contextmanager
    def _take(self) -> Iterator[Taken | None]:
        """Hold a trial: an interrupted one, or a new one; None where there is none to be had."""
        with ExitStack() as held:
            # One at a time: who asks can tell a trial that is being made from an abandoned one.
            with FileLock(self.lock):
                taken = self._look(held)
            yield taken

    def _look(self, held: ExitStack) -> Taken | None:
        while True:
            try:
                return self._take_up(held) or self._ask(held)
            except UpdateFinishedTrialError:
                # Its worker ended it, and let go of its folder, since we looked.
                held.close()

    def _take_up(self, held: ExitStack) -> Taken | None:
        """A trial whose worker was killed on this machine."""
        for frozen in running(self.trials()):
            worker = frozen.user_attrs.get(WORKER)
            if worker is None or worker["at"] != self._here():
                continue
            if held.enter_context(self.store.claim(self.store.root / worker["folder"])):
                trial = self._reopen(frozen)
                trial.set_user_attr(INTERRUPTED, frozen.user_attrs.get(INTERRUPTED, 0) + 1)
                return self._taken(trial, frozen, continues=True)
        return None

    def _ask(self, held: ExitStack) -> Taken | None:
        """A trial that nobody has trained yet, if the budget allows for one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        while (trial := self._begin()) is not None:
            for key, dimension in self.space.dimensions.items():
                suggest(trial, key, dimension)  # those that it has already stay
            trials = self.trials()
            frozen = next(one for one in trials if one.number == trial.number)
            continues = CONTINUES in frozen.user_attrs
            if is_surplus(trials, trial.number, self.budget):
                self._give_back(trial, Outcome(ended="surplus"))
                return None
            if repeats(trials, frozen) and not continues:
                self._give_back(trial, Outcome(ended="repeated"))
                continue
            taken = self._taken(trial, frozen, continues=continues)
            if held.enter_context(self.store.claim(taken.folder)):
                trial.set_user_attr(WORKER, {"at": self._here(), "folder": taken.folder.name})
                return taken
            self._give_back(trial, Outcome(ended="repeated"))
        return None

    def _begin(self) -> optuna.Trial | None:
        trials = self.trials()
        for frozen in running(trials):
            if WORKER not in frozen.user_attrs and self._is_orphan(frozen):
                return self._reopen(frozen)
        if not has_room(trials, self.budget) or futile(trials):
            return None
        with warnings.catch_warnings():
            # It is kept by `heartbeat`, for as long as the trial is trained.
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            return self.study.ask()

    def _reopen(self, frozen: FrozenTrial) -> optuna.Trial:
        return optuna.Trial(self.study, frozen._trial_id)

    def _taken(self, trial: optuna.Trial, frozen: FrozenTrial, *, continues: bool) -> Taken:
        cell = self.cell_at(trial.params)
        return Taken(
            trial=trial,
            cell=cell,
            folder=self.store.folder(cell, self.runner_of(trial.number).facts.data),
            known=tuple(frozen.intermediate_values),
            continues=continues,
        )

    def _run(self, taken: Taken) -> None:
        trial = taken.trial
        runner = self.runner_of(trial.number)
        label = runner.label(taken.cell)
        self.progress.event(
            "trial_started",
            cell=label,
            trial=trial.number,
            done=spent(self.trials()).trials,
            settings=trial.params,
            folder=taken.folder.name,
            resumes=taken.continues,
        )
        with heartbeat(self.storage, trial._trial_id):
            result = run_trial(
                trial,
                cell=taken.cell,
                runner=runner,
                folder=taken.folder,
                budget=self.budget,
                known=taken.known,
            )
        if result is None:
            self.progress.event("note", text=f"{label}: another machine has begun it anew")
            return
        trials = self.trials()
        self.progress.event(
            "trial_ended",
            cell=label,
            trial=trial.number,
            ended=result.ended,
            reason=result.reason,
            validation_auc=next(one.value for one in trials if one.number == trial.number),
            done=spent(trials).trials,
            used=round(self.budget.used(spent(trials)), 3),
            budget=str(self.budget),
        )

    def _give_back(self, trial: optuna.Trial, outcome: Outcome) -> None:
        trial.set_user_attr(OUTCOME, outcome.as_dict())
        self.study.tell(trial, state=TrialState.FAIL)

    def _is_orphan(self, trial: FrozenTrial) -> bool:
        """Whether a trial that names no worker has lost it between two writes to the storage."""
        if self.storage.engine.dialect.name == "sqlite":
            return True  # who asks holds the lock beside the file, and that is we
        assert trial.datetime_start is not None, "it is running"
        age = datetime.now() - trial.datetime_start
        return age.total_seconds() > ORPHAN_SECONDS

    def _here(self) -> str:
        """Workers with the same answer see one another's locks."""
        return f"{socket.gethostname()}:{self.store.root.resolve()}"
