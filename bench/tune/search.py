"""The search for one model and loss: workers take trials until the budget is used up.

A worker holds the lock of its trial's folder, as a run does. A trial that is running by the
study's word while its lock is free belongs to a process that was killed: the next worker in the
same folder takes it up under its number and goes on from its last validation. One whose lock is
held is alive, however long it says nothing: its machine may have slept.

Workers of other machines see no locks; they are known by their heartbeat in the storage. A trial
of one that has fallen silent is abandoned: it ends as failed, what it has cost is still charged,
and its parameters are begun anew under another number, by the same machine too if it wakes first,
which then goes on from its own last validation.
"""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from bench.events import Note, TrialEnded, TrialStarted
from bench.execute.one_cell import CellRunner
from bench.progress import Progress
from bench.registry.search import Scalar
from bench.runs.cells import Cell
from bench.runs.records import Spent
from bench.runs.store import Store
from bench.train.checkpoint import LAST
from bench.tune.budget import Budget
from bench.tune.ledger import (
    CONTINUES,
    INTERRUPTED,
    NOTHING,
    OUTCOME,
    PROGRESS,
    RESUMES,
    Outcome,
    abandoned,
    futile,
    has_room,
    is_surplus,
    repeats,
    running,
    spent,
    spent_so_far,
)
from bench.tune.sampling import suggest
from bench.tune.space import Space
from bench.tune.storage import heartbeat
from bench.tune.trial import run_trial

WORKER = "worker"
"""Attribute of a trial: who is at it, and in which folder."""
SECONDS_BETWEEN_LOOKS = 1.0
ORPHAN_SECONDS = 60
"""A trial of a server's study that nobody has named as its own for so long has no worker; by the
clock of who looks, since clocks of machines differ."""


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
        nameless: when this worker first saw each trial that names no worker, by number, in
            seconds of its own clock.
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
    nameless: dict[int, float] = field(default_factory=dict)

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
                self.progress.event(Note(text))
                waited = True
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def trials(self) -> list[FrozenTrial]:
        """All of the study's, by number."""
        return self.study.get_trials(deepcopy=False)

    def spent(self) -> Spent:
        """What the study has cost so far, trials in training and interrupted ones with it."""
        # One that names no worker has not been held against the budget yet.
        return spent_so_far(
            [
                trial
                for trial in self.trials()
                if trial.state != TrialState.RUNNING or WORKER in trial.user_attrs
            ]
        )

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
            if not held.enter_context(self.store.claim(self.store.root / worker["folder"])):
                # Said in its stead: it may have slept, and be about to be given up for dead.
                self.storage.record_heartbeat(frozen._trial_id)
                continue
            trial = self._reopen(frozen)
            trial.set_user_attr(INTERRUPTED, frozen.user_attrs.get(INTERRUPTED, 0) + 1)
            return self._taken(trial, continues=True)
        return None

    def _ask(self, held: ExitStack) -> Taken | None:
        """A trial that nobody has trained yet, if the budget allows for one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        while (trial := self._begin()) is not None:
            self._draw(trial)
            trials = self.trials()
            frozen = next(one for one in trials if one.number == trial.number)
            continues = CONTINUES in frozen.user_attrs
            if is_surplus(trials, trial.number, self.budget):
                self._give_back(trial, Outcome(ended="surplus"))
                return None
            if repeats(trials, frozen):
                self._give_back(trial, Outcome(ended="repeated"))
                continue
            taken = self._taken(trial, continues=continues)
            if held.enter_context(self.store.claim(taken.folder)):
                self._sign(taken, trials, frozen)
                return taken
            if continues:
                self._give_back(trial, Outcome(ended="surplus"))
                return None
            self._give_back(trial, Outcome(ended="repeated"))
        return None

    def _sign(self, taken: Taken, trials: Sequence[FrozenTrial], frozen: FrozenTrial) -> None:
        """Say whose trial it is, and what it takes over."""
        worker = {"at": self._here(), "folder": taken.folder.name}
        if taken.continues and (taken.folder / LAST).is_file():
            same = [one.number for one in trials if one.user_attrs.get(WORKER) == worker]
            resumed = max(same, default=frozen.user_attrs[CONTINUES])
            taken.trial.set_user_attr(PROGRESS, trials[resumed].user_attrs.get(PROGRESS, NOTHING))
            taken.trial.set_user_attr(RESUMES, resumed)
        # In this order: a trial that names a worker is known by its heartbeat.
        self.storage.record_heartbeat(taken.trial._trial_id)
        taken.trial.set_user_attr(WORKER, worker)

    def _begin(self) -> optuna.Trial | None:
        for frozen in running(self.trials()):
            if WORKER in frozen.user_attrs:
                continue
            if self.storage.engine.dialect.name == "sqlite":
                return self._reopen(frozen)  # who asks holds the lock beside the file, and we do
            self._abandon_if_nameless(frozen)
        trials = self.trials()
        if not has_room(trials, self.budget) or futile(trials):
            return None
        left = abandoned(trials)
        for frozen in left:
            if (trial := self._begin_anew(frozen)) is not None:
                return trial
        if left:
            return None  # their folders are held; a new trial would take their place
        with warnings.catch_warnings():
            # It is kept by `heartbeat`, for as long as the trial is trained.
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            return self.study.ask()

    def _reopen(self, frozen: FrozenTrial) -> optuna.Trial:
        return optuna.Trial(self.study, frozen._trial_id)

    def _draw(self, trial: optuna.Trial) -> None:
        for key, dimension in self.space.dimensions.items():
            suggest(trial, key, dimension)  # those that it has already stay

    def _begin_anew(self, frozen: FrozenTrial) -> optuna.Trial | None:
        """A trial with an abandoned one's parameters; None while its worker is at it after all."""
        folder = self._folder(self.cell_at(frozen.params), frozen.number)
        with self.store.claim(folder) as free:
            if not free:
                return None
        successor = create_trial(
            state=TrialState.RUNNING,
            params=frozen.params,
            distributions=frozen.distributions,
            user_attrs={CONTINUES: frozen.number},
        )
        study_id = self.storage.get_study_id_from_name(self.study.study_name)
        return optuna.Trial(self.study, self.storage.create_new_trial(study_id, successor))

    def _taken(self, trial: optuna.Trial, *, continues: bool) -> Taken:
        cell = self.cell_at(trial.params)
        # Read again: until its folder was ours, its worker could report.
        known = self.storage.get_trial(trial._trial_id).intermediate_values
        return Taken(
            trial=trial,
            cell=cell,
            folder=self._folder(cell, trial.number),
            known=tuple(known),
            continues=continues,
        )

    def _folder(self, cell: Cell, number: int) -> Path:
        return self.store.folder(cell, self.runner_of(number).facts.data)

    def _run(self, taken: Taken) -> None:
        trial = taken.trial
        runner = self.runner_of(trial.number)
        label = runner.label(taken.cell)
        self.progress.event(
            TrialStarted(
                cell=label,
                trial=trial.number,
                done=spent(self.trials()).trials,
                settings=trial.params,
                folder=taken.folder.name,
                resumes=taken.continues,
            )
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
            self.progress.event(Note(f"{label}: silent for so long that it was given up"))
            return
        trials = self.trials()
        self.progress.event(
            TrialEnded(
                cell=label,
                trial=trial.number,
                ended=result.ended,
                reason=result.reason,
                validation_auc=next(one.value for one in trials if one.number == trial.number),
                done=spent(trials).trials,
                used=round(self.budget.used(spent(trials)), 3),
                budget=str(self.budget),
            )
        )

    def _give_back(self, trial: optuna.Trial, outcome: Outcome) -> None:
        trial.set_user_attr(OUTCOME, outcome.as_dict())
        self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def _abandon_if_nameless(self, frozen: FrozenTrial) -> None:
        """End a trial whose worker was lost before it named itself, with all its parameters.

        Of several machines that think so one ends it; a worker that only was slow finds it ended.
        """
        now = time.monotonic()
        if now - self.nameless.setdefault(frozen.number, now) >= ORPHAN_SECONDS:
            self._draw(self._reopen(frozen))
            self.storage.set_trial_state_values(frozen._trial_id, state=TrialState.FAIL)

    def _here(self) -> str:
        """Workers with the same answer see one another's locks."""
        return worker_here(self.store)


def worker_here(store: Store) -> str:
    """Who a worker of this machine and folder says it is.

    Args:
        store: of its trials.
    """
    return f"{socket.gethostname()}:{store.root.resolve()}"


def trial_store(store: Store, study: str) -> Store:
    """Where the trials of a study are kept.

    Args:
        store: of the runs.
        study: its name.
    """
    return Store(store.tuning / "trials" / study)
