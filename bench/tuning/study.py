"""The study of one model and loss: made or taken up, and searched until its budget is used up.

Optuna keeps the trials, fails those whose worker's heartbeat has stopped, and queues them again.
A worker that was killed on this machine is known sooner: it holds a lock while it lives. Several
workers share a budget by their trials' numbers: of two that begin the last trial at the same
moment the lower number trains.
"""

from __future__ import annotations

import hashlib
import json
import math
import socket
import time
import uuid
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from bench.config.frozen import Frozen
from bench.data.fingerprint import fingerprint
from bench.errors import InputError
from bench.events import Note
from bench.randomness import derive_seed
from bench.runs.cells import RESULTS_VERSION
from bench.runs.store import Store
from bench.train.checkpoint import BEST, LAST
from bench.tuning.context import TuningContext
from bench.tuning.objective import Objective, TakenOverError
from bench.tuning.sampling import PRUNER, SAMPLER, MedianWithinRecipe, ReseededSampler
from bench.tuning.space import Space
from bench.tuning.trials import WORKER, has_room, in_vain, interrupted, retry, unfinished, used

ABOUT = "bench"
"""Attribute of a study: a :class:`StudyRecord`."""
SECONDS_BETWEEN_LOOKS = 1.0
NAMELESS_SECONDS = 10
"""A worker names itself in milliseconds; a running trial without a name for so long has none."""


class StudyRecord(Frozen):
    """Description of a study, kept with it in its storage.

    Attributes:
        experiment: its name.
        task, model, loss: what is tuned.
        budget: of the latest tuning: an amount by its unit.
    """

    experiment: str
    task: str
    model: str
    loss: str
    budget: dict[str, int | float]

    @classmethod
    def of(cls, study: optuna.Study) -> StudyRecord | None:
        """The record of a study; None where it is not ours, or has none so far."""
        kept = study.user_attrs.get(ABOUT)
        return None if kept is None else cls.model_validate(kept)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search of one space.

    Attributes:
        context: what all trials share.
        space: what is searched.
        study: Optuna's, with its sampler and pruner.
        store: where the trials' folders are.
    """

    context: TuningContext
    space: Space
    study: optuna.Study
    store: Store

    def trials(self) -> list[FrozenTrial]:
        """All of the study's, by number."""
        return self.study.get_trials(deepcopy=False)

    def check_budget(self) -> None:
        """Refuse a budget below what the study has spent: the report would call it the budget.

        Raises:
            InputError: it is below, and smaller than an earlier one.
        """
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

    def run(self) -> str | None:
        """Run trials until the budget is used up and no worker is at one any more.

        Returns:
            Why the search ended before that; None where it did not.
        """
        budget, interval = self.context.plan.budget, self.space.base.train.validate_every
        name = f"worker-{uuid.uuid4().hex[:12]}"
        objective = Objective(
            context=self.context,
            space=self.space,
            store=self.store,
            worker={"at": worker_here(self.store), "name": name},
        )
        waits = False
        with self.store.claim(self.store.root / name):
            while True:
                trials = self._retry_interrupted()
                room, reason = has_room(trials, budget, interval=interval), in_vain(trials)
                queued = any(trial.state == TrialState.WAITING for trial in trials)
                if (queued or (room and reason is None)) and not _someone_begins(trials):
                    if not queued:
                        self._queue_start()
                    self._run_trial(objective)
                    continue
                others = unfinished(trials)
                if not others:
                    return reason if room else None
                if not waits:
                    text = f"{self.space.name}: waiting for other workers ({len(others)})"
                    self.context.progress.event(Note(text))
                waits = True
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def _queue_start(self) -> None:
        """Queue the first point of a recipe that has had no trial yet."""
        with FileLock(self.context.lock):
            queued = [trial.system_attrs.get("fixed_params") for trial in self.trials()]
            for point in self.space.starts()[0]:
                if point not in queued:
                    self.study.enqueue_trial(point)
                    return

    def _run_trial(self, objective: Objective) -> None:
        try:
            self.study.optimize(objective, n_trials=1)
        except TakenOverError:
            text = f"{self.space.name}: a trial was silent for so long that it was given up"
            self.context.progress.event(Note(text))
        self.drop_checkpoints()

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
            if trial.state == TrialState.RUNNING and is_dead(trial, self.store):
                with suppress(UpdateFinishedTrialError):  # another worker was faster
                    self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        for trial in interrupted(self.trials()):
            retry(self.study, trial)
        return self.trials()


def _someone_begins(trials: Sequence[FrozenTrial]) -> bool:
    """Whether a trial just begins, or was killed as it began: it comes before new ones."""
    return any(
        trial.state == TrialState.RUNNING and WORKER not in trial.user_attrs for trial in trials
    )


def make_search(context: TuningContext, space: Space, storage: RDBStorage) -> Search:
    """The search of a space, with its study made in a storage where it is not there."""
    base = space.base
    name = study_name(context, space)
    seed = derive_seed(0, f"tuning {base.models[0]} {base.losses[0]}")
    with FileLock(context.lock):
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=ReseededSampler(seed),
            pruner=MedianWithinRecipe(),
        )
    return Search(context=context, space=space, study=study, store=trial_store(context.store, name))


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


def worker_here(store: Store) -> str:
    """Machine and folder of the trials; workers that share them see one another's locks."""
    return f"{socket.gethostname()}:{store.root.resolve()}"


def is_dead(trial: FrozenTrial, store: Store) -> bool:
    """Whether the worker of a running trial is known to be dead.

    That of another machine is known by its heartbeat alone.
    """
    worker = trial.user_attrs.get(WORKER)
    if worker is None:
        # Killed before it wrote its name; perhaps without a heartbeat, so that it is never stale.
        began = trial.datetime_start
        return began is not None and datetime.now() - began > timedelta(seconds=NAMELESS_SECONDS)
    return worker["at"] == worker_here(store) and not store.is_held(store.root / worker["name"])
