"""Tunes one model and loss after the other on the same data, and runs each winner again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import torch
from filelock import FileLock
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.events import TuningFailed, TuningFinished, TuningStarted
from bench.execute import Summary, plan_cells
from bench.execute.in_process import run_cells
from bench.execute.one_cell import CellRunner, Job
from bench.progress import Progress
from bench.randomness import derive_seed
from bench.registry.search import Scalar
from bench.runs.cells import Cell
from bench.runs.records import FailedTuningRecord, TuningRecord
from bench.runs.store import Facts, Store
from bench.tune.ledger import counted, spent, winner
from bench.tune.plan import Plan, study_name
from bench.tune.sampling import PRUNERS, SAMPLERS, SteadySampler, make_pruner
from bench.tune.search import Search, trial_store
from bench.tune.space import Space

ABOUT = "bench"
"""Attribute of a study: what it is of, for those who look at it later."""


@dataclass(kw_only=True)
class Tuned:
    """What came of a tuning.

    Attributes:
        runs: how the winners' runs and the controls ended.
        failed: models and losses without a winner, each with the reason.
        studies: names of all studies.
    """

    runs: Summary = field(default_factory=Summary)
    failed: dict[str, str] = field(default_factory=dict)
    studies: list[str] = field(default_factory=list)

    def add(self, runs: Summary) -> None:
        """Count some more runs."""
        for name, count in runs.counts().items():
            setattr(self.runs, name, getattr(self.runs, name) + count)
        self.runs.runs |= runs.runs


@dataclass(frozen=True, kw_only=True)
class Tuner:
    """What the studies of an experiment have in common.

    Attributes:
        plan: how they are searched.
        prepared: the data.
        described: ``prepared.record``.
        environment: versions and device, stored with every trial and run.
        store: of the runs.
        storage: of the studies.
        storage_kind: what may be told of it.
        lock: file that is held while a trial is asked for, or a record written.
        placements: where its pixels lie for the networks' device.
        progress: told of everything that happens.
    """

    plan: Plan
    prepared: PreparedData
    described: DataRecord
    environment: EnvironmentRecord
    store: Store
    storage: RDBStorage
    storage_kind: str
    lock: Path
    placements: PlacementCache
    progress: Progress

    def run_controls(self, experiment: Experiment) -> Summary:
        """Run the controls, which no tuning changes."""
        runner = self._runner(experiment, self.store, {})
        cells = plan_cells(experiment, device=self._device)
        return run_cells([Job(cell=c, runner=runner) for c in cells if c.kind == "control"])

    def tune(self, search: Search, tuned: Tuned) -> None:
        """Search one space, and run its winner again."""
        name = search.name
        self.progress.event(TuningStarted(cell=name, budget=str(self.plan.budget)))
        why = search.run()
        trials = search.trials()
        used = spent(trials)
        best = winner(trials)
        if best is None:
            reason = _without_winner(trials, why)
            tuned.failed[name] = reason
            self._record_failure(search, reason)
            self.progress.event(TuningFailed(cell=name, reason=reason))
            return
        best_auc = best.value
        assert best_auc is not None  # a winner has finished
        self.progress.event(
            TuningFinished(
                cell=name,
                **vars(used),
                reason=why or "",
                trial=best.number,
                validation_auc=best_auc,
                settings=best.params,
            )
        )
        tuned.add(self._run_winner(search, best))

    def search(self, space: Space) -> Search:
        """Make the study of a space, or take up the one that is there."""
        plan, base = self.plan, space.base
        model, loss = base.models[0], base.losses[0]
        name = study_name(plan, space, self._trial_cell(space, {}), self.prepared)
        seed = derive_seed(plan.seed, f"tuning {model} {loss}")
        study = optuna.create_study(
            storage=self.storage,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=SteadySampler(plan.sampler, seed=seed, start=space.start()),
            pruner=make_pruner(plan.pruner, train=base.train),
        )
        store = trial_store(self.store, name)
        return Search(
            study=study,
            storage=self.storage,
            lock=self.lock,
            space=space,
            budget=plan.budget,
            store=store,
            cell_at=lambda point: self._trial_cell(space, point),
            runner_of=lambda number: self._runner(base, store, {"trial": number}),
            name=f"{model} {loss}",
            progress=self.progress,
        )

    def check_budget(self, search: Search) -> None:
        """Refuse a budget below what a study has spent: it would be told as the one it had.

        What an earlier budget was passed by is no reason: it may be given again.

        Raises:
            InputError: it is below.
        """
        budget, before = self.plan.budget, search.study.user_attrs.get(ABOUT, {"budget": {}})
        cost = search.spent()
        used = budget.used(cost)
        every = search.space.base.train.validate_every
        beyond = used - budget.amount
        if (
            beyond <= 0
            or beyond < cost.overshoot(budget.unit, validate_every=every)
            or before["budget"].get(budget.unit, math.inf) <= budget.amount
        ):
            return
        place = "--out" if self.plan.storage is None else "--storage"
        raise InputError(
            f"--budget: {search.name} has spent {used:,.6g} {budget.unit} in an earlier tuning, "
            f"more than {budget}: give a larger --budget, or another {place} or --tuning-seed"
        )

    def describe(self, search: Search) -> None:
        """Keep with a study what it is of, and make the folder of its trials."""
        base = search.space.base
        search.study.set_user_attr(
            ABOUT,
            {
                "experiment": base.name,
                "task": base.task,
                "model": base.models[0],
                "loss": base.losses[0],
                "budget": self.plan.budget.as_dict(),
            },
        )
        search.store.root.mkdir(parents=True, exist_ok=True)

    def _trial_cell(self, space: Space, point: dict[str, Scalar]) -> Cell:
        alone = {"seeds": (self.plan.trial_seed,), "controls": ()}
        (cell,) = plan_cells(space.at(point).model_copy(update=alone), device=self._device)
        return cell

    def _run_winner(self, search: Search, best: FrozenTrial) -> Summary:
        experiment = search.space.at(best.params)
        runner = self._runner(experiment, self.store, {})
        jobs = [Job(cell=c, runner=runner) for c in plan_cells(experiment, device=self._device)]
        networks = [job for job in jobs if job.cell.kind == "network"]
        with FileLock(self.lock):  # other workers have found the same winner
            self.store.record_experiment(runner.facts.experiment, [job.folder for job in jobs])
            self.store.record_tuning(
                self._record(search, best, runs=[job.folder.name for job in networks])
            )
        return run_cells(networks)

    def _record_failure(self, search: Search, reason: str) -> None:
        base = search.space.base
        failed = FailedTuningRecord(
            study=search.study.study_name,
            experiment=base.name,
            task=base.task,
            model=base.models[0],
            loss=base.losses[0],
            budget=self.plan.budget.as_dict(),
            reason=reason,
            spent=spent(search.trials()),
        )
        with FileLock(self.lock):  # other workers have found none either
            self.store.record_failed_tuning(failed)

    def _record(self, search: Search, best: FrozenTrial, *, runs: Sequence[str]) -> TuningRecord:
        assert best.value is not None, "it was trained to its end"
        study, base = search.study.study_name, search.space.base
        before = [one for one in self.store.tunings() if one.study == study]
        # Runs of the same winner with other seeds, from before, are its own too.
        earlier = [one for one in before if one.winner == best.params]
        own = {*runs, *(run for one in earlier for run in one.runs)}
        others = {run for one in before for run in (*one.runs, *one.superseded)}
        return TuningRecord(
            study=study,
            experiment=base.name,
            model=base.models[0],
            loss=base.losses[0],
            budget=self.plan.budget.as_dict(),
            spent=spent(search.trials()),
            searched=search.space.in_words(),
            winner=best.params,
            trial=best.number,
            validation_auc=best.value,
            seed=self.plan.trial_seed,
            seeds=tuple(sorted({*base.seeds, *(s for one in earlier for s in one.seeds)})),
            runs=tuple(sorted(own)),
            sampler=SAMPLERS[self.plan.sampler],
            pruner=PRUNERS[self.plan.pruner],
            storage=self.storage_kind,
            superseded=tuple(sorted(others - own)),
        )

    @property
    def _device(self) -> torch.device:
        return self.placements.device

    def _runner(self, experiment: Experiment, store: Store, levels: dict[str, Any]) -> CellRunner:
        return CellRunner(
            experiment=experiment,
            prepared=self.prepared,
            store=store,
            placements=self.placements,
            progress=self.progress,
            levels=levels,
            facts=Facts(
                experiment=experiment,
                data=self.described,
                environment=self.environment,
            ),
        )


def _without_winner(trials: Sequence[FrozenTrial], why: str | None) -> str:
    """Why a search found nothing, with the way out where there is one."""
    used = spent(trials)
    reason = f"none of {used.trials} trials was trained to its end"
    failures = [one.reason for one in counted(trials).values() if one.ended == "failed"]
    if why is not None:
        reason += f": {why}"
    elif used.pruned:
        reason += ": give a larger --budget"
    return reason + (f"; the last that failed: {failures[-1]}" if failures else "")
