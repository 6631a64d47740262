"""The study of one model and loss: made or taken up, and searched until its budget is used up.

Optuna keeps the trials, fails those whose worker's heartbeat has stopped, and queues them again.
A worker that was killed is known sooner where its folder is shared: it holds a lock while it lives.
Several workers share a budget by their trials' numbers: of two that begin the last trial at the
same moment the lower number trains.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from bench import signals
from bench.config.frozen import Frozen
from bench.data.description import fingerprint
from bench.errors import InputError
from bench.events import Note
from bench.execute.matrix import DeviceFault
from bench.randomness import derive_seed
from bench.runs.cells import RESULTS_VERSION
from bench.runs.store import Store
from bench.train.checkpoint import BEST, LAST
from bench.tuning.context import TuningContext
from bench.tuning.objective import Objective, TakenOverError
from bench.tuning.sampling import PRUNER, SAMPLER, MedianWithinRecipe, ReseededSampler
from bench.tuning.space import Space
from bench.tuning.storage import journal_file, parse_url
from bench.tuning.trials import (
    WORKER,
    has_room,
    in_vain,
    interrupted,
    most_workers,
    retry,
    unfinished,
    used,
    was_interrupted,
)

ABOUT = "bench"
"""Attribute of a study: a :class:`StudyRecord`."""
SECONDS_BETWEEN_LOOKS = 1.0
NAMELESS_SECONDS = 10
"""A worker names itself in milliseconds; a running trial without a name for so long has none."""
Left = Literal["a trial", "a beginning", "others", "nothing"]
"""Work that is left in a search: a trial that may begin; one that may when another has begun;
trials of other workers alone; nothing."""


class StudyRecord(Frozen):
    """Description of a study, kept with it in its storage."""

    experiment: str
    task: str
    model: str
    loss: str
    budget: dict[str, int | float]  # of the latest tuning: an amount by its unit

    @classmethod
    def of(cls, study: optuna.Study) -> StudyRecord | None:
        """The record of a study; None where it is not ours, or has none so far."""
        kept = study.user_attrs.get(ABOUT)
        return None if kept is None else cls.model_validate(kept)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search of one space."""

    context: TuningContext
    space: Space
    study: optuna.Study
    store: Store
    signs: Store  # where the locks of the workers are
    # Time of the first look at each running trial without a worker's name.
    nameless: dict[int, float] = field(default_factory=dict)

    def trials(self) -> list[FrozenTrial]:
        """All of the study's, by number."""
        return self.study.get_trials(deepcopy=False)

    def check_budget(self) -> None:
        """Refuse a budget below what the study has spent: the report would call it the budget."""
        budget = self.context.plan.budget
        record = StudyRecord.of(self.study)
        earlier = math.inf if record is None else record.budget.get(budget.unit, math.inf)
        total = used(self.trials(), budget)
        # The last trial of a budget ends at a validation, and so beyond it.
        if total <= budget.amount or earlier <= budget.amount:
            return
        raise InputError(
            f"{self.space.name} has spent {total:,.6g} {budget.unit} in an earlier tuning, more "
            f"than {budget}: give a larger budget, or another folder or storage"
        )

    def prepare(self) -> None:
        """Describe the study in its storage."""
        base = self.space.base
        record = StudyRecord(
            experiment=base.name,
            task=base.task,
            model=base.models[0],
            loss=base.losses[0],
            budget=self.context.plan.budget.as_dict(),
        )
        with FileLock(self.context.lock):
            self.study.set_user_attr(ABOUT, record.model_dump())

    def run(self) -> None:
        """Run trials until the budget is used up and no worker is at one any more."""
        name, waits = worker_name(), False
        while True:
            try:
                self.take_part(name)
            except DeviceFault:  # there is no other device: the trial is tried again here
                continue
            if self.left() == "nothing":
                return
            if not waits:
                text = f"{self.space.name}: waiting for other workers"
                self.context.progress.event(Note(text))
            waits = True
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def take_part(self, name: str) -> None:
        """Run trials until there is none to begin; others may still be at theirs.

        Raises:
            DeviceFault: the device failed; the trial is queued again.
        """
        objective = Objective(
            context=self.context,
            space=self.space,
            store=self.store,
            worker={"at": self.store.id, "signs": self.signs.id, "name": name},
        )
        with self.signs.claim(self.signs.root / name):
            while (left := self.left()) not in ("others", "nothing"):
                if left == "a beginning":
                    time.sleep(SECONDS_BETWEEN_LOOKS)
                    continue
                if not any(trial.state == TrialState.WAITING for trial in self.trials()):
                    self._queue_start()
                self._run_trial(objective)

    def left(self) -> Left:
        """The work that is left, when interrupted trials have been queued again."""
        trials = self._retry_interrupted()
        queued = any(trial.state == TrialState.WAITING for trial in trials)
        if queued or (self._has_room(trials) and in_vain(trials) is None):
            return "a beginning" if _someone_begins(trials) else "a trial"
        return "others" if unfinished(trials) else "nothing"

    def most_workers(self) -> float:
        """Number of workers that the rest of the budget has work for."""
        interval = self.space.base.train.validate_every
        return most_workers(self.trials(), self.context.plan.budget, interval=interval)

    def reason(self) -> str | None:
        """Why the search ended before its budget was used up; None where it did not."""
        trials = self.trials()
        return in_vain(trials) if self._has_room(trials) else None

    def _has_room(self, trials: Sequence[FrozenTrial]) -> bool:
        interval = self.space.base.train.validate_every
        return has_room(trials, self.context.plan.budget, interval=interval)

    def _queue_start(self) -> None:
        """Queue the first point of a recipe that has had no trial yet."""
        with FileLock(self.context.lock):
            queued = [trial.system_attrs.get("fixed_params") for trial in self.trials()]
            for point in self.space.starts()[0]:
                if point not in queued:
                    self.study.enqueue_trial(point)
                    return

    def _run_trial(self, objective: Objective) -> None:
        ended: list[int] = []

        def evaluate(trial: optuna.Trial) -> float:
            try:
                value = objective(trial)
            except optuna.TrialPruned:
                ended.append(trial.number)
                raise
            ended.append(trial.number)
            return value

        try:
            self.study.optimize(evaluate, n_trials=1)
        except TakenOverError:
            self._tell_given_up()
        except Exception:
            signals.check()  # Optuna answers a stop while it writes with an error of its own
            # Another worker failed the trial after its last report, so that Optuna cannot end it.
            if not (ended and was_interrupted(self.trials()[ended[0]])):
                raise
            self._tell_given_up()
        signals.check()  # one that came while the trial was being ended
        self.drop_checkpoints()

    def _tell_given_up(self) -> None:
        text = f"{self.space.name}: a trial was silent for so long that it was given up"
        self.context.progress.event(Note(text))

    def drop_checkpoints(self) -> None:
        """Delete the weights of trainings that ended: the winner is trained anew."""
        for ended in self.store.root.glob("*/run.json"):
            for name in (LAST, BEST):
                (ended.parent / name).unlink(missing_ok=True)

    def _retry_interrupted(self) -> list[FrozenTrial]:
        """Queue the trials again whose worker was killed, stopped or fell silent; returns all."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        for trial in self.trials():
            if trial.state != TrialState.RUNNING:
                continue
            if is_dead(trial, self.signs) or self._stays_nameless(trial):
                with suppress(UpdateFinishedTrialError):  # another worker was faster
                    self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        if interrupted(self.trials()):
            with FileLock(self.context.lock):  # two that retry one trial would train it twice
                for trial in interrupted(self.trials()):
                    retry(self.study, trial)
        return self.trials()

    def _stays_nameless(self, trial: FrozenTrial) -> bool:
        """Whether a running trial has had no worker's name for so long that it gets none.

        Its worker was killed as it began, perhaps without a heartbeat, so that it is never stale.
        Counted from this process's first look: clocks of two machines differ.
        """
        if WORKER in trial.user_attrs:
            return False
        first = self.nameless.setdefault(trial.number, time.monotonic())
        return time.monotonic() - first >= NAMELESS_SECONDS


def _someone_begins(trials: Sequence[FrozenTrial]) -> bool:
    """Whether a trial just begins, or was killed as it began: it comes before new ones."""
    return any(
        trial.state == TrialState.RUNNING and WORKER not in trial.user_attrs for trial in trials
    )


def make_search(
    context: TuningContext, space: Space, storage: BaseStorage, *, name: str | None = None
) -> Search:
    """The search of a space, with its study made in a storage where it is not there.

    Args:
        name: of the study, where it is known.
    """
    name = name or study_name(context, space)
    base = space.base
    seed = derive_seed(0, f"tuning {base.models[0]} {base.losses[0]}")
    store = trial_store(context.store, name)
    signs = signs_of(parse_url(context.plan.storage, context.store), store)
    with FileLock(context.lock):
        for folder in (store, signs):
            folder.make_id()
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=ReseededSampler(seed),
            pruner=MedianWithinRecipe(),
        )
    return Search(context=context, space=space, study=study, store=store, signs=signs)


def study_name(context: TuningContext, space: Space) -> str:
    """Name of a study: readable, and unique by the hash of all that its trials depend on.

    The budget is no part of it, so that a larger one goes on; neither is the test part, which
    no trial looks at.
    """
    data = context.prepared
    cell = context.trial_job(space, {}, context.store, number=0).cell
    content = {
        "version": RESULTS_VERSION,
        "model": cell.model,
        "loss": cell.loss,
        "seed": cell.seed,
        "settings": cell.settings.model_dump(mode="json"),
        "data": {
            part: fingerprint(data.rows.iloc[data.task_parts[part]], data.image_size)
            for part in ("train", "validation")
        },
        "space": space.described(),
        "starts": space.starts()[0],
        "sampler": SAMPLER,
        "pruner": PRUNER,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    return f"{cell.model.replace(':', '-').replace('/', '-')}-{cell.loss}-{digest}"


def trial_store(store: Store, study: str) -> Store:
    """The storage of a study's trials, beside the runs of a store."""
    return Store(store.tuning / "trials" / study)


def signs_of(url: URL, trials: Store) -> Store:
    """Store of the locks that a study's workers hold while they live.

    A journal has no heartbeats: the locks lie beside it, where all who write to it see them.
    """
    journal = journal_file(url)
    return trials if journal is None else Store(Path(f"{journal}.workers"))


def worker_name() -> str:
    """A name for a worker, unique."""
    return f"worker-{uuid.uuid4().hex[:12]}"


def is_dead(trial: FrozenTrial, signs: Store) -> bool:
    """Whether the worker of a running trial is known to be dead, by its lock.

    One whose locks lie in another folder is known by its heartbeat alone.
    """
    worker = trial.user_attrs.get(WORKER, {})
    is_here = "signs" in worker and worker["signs"] == signs.id
    return is_here and signs.is_held(signs.root / worker["name"]) is False
