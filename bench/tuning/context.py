"""Context of a tuning: its plan, data, device and store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import Experiment
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData
from bench.environment import EnvironmentRecord
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.preflight import plan_cells
from bench.progress import Progress
from bench.registry.search import Scalar
from bench.runs.store import Facts, Store
from bench.tuning.plan import TRIAL_SEED, Plan
from bench.tuning.space import Space


@dataclass(frozen=True, kw_only=True)
class TuningContext:
    """Context that all trials and winners' runs of a tuning share."""

    plan: Plan
    prepared: PreparedData
    environment: EnvironmentRecord
    store: Store
    lock: Path  # file that is held while a study is made or a record written
    placements: PlacementCache  # where the pixels lie for the networks' device
    progress: Progress

    def jobs(
        self,
        experiment: Experiment,
        *,
        store: Store | None = None,
        levels: Mapping[str, Any] | None = None,
        kind: type[CellRunner] = CellRunner,
    ) -> list[Job]:
        """All cells of an experiment without ``vary``, each with what it is run with.

        Args:
            store: of the runs; None is the tuning's own.
        """
        runner = kind(
            level=experiment,
            prepared=self.prepared,
            store=store or self.store,
            placements=self.placements,
            progress=self.progress,
            levels=dict(levels or {}),
            facts=Facts(
                experiment=experiment,
                data=self.prepared.record,
                environment=self.environment,
            ),
        )
        cells = plan_cells(experiment, device=self.placements.device)
        return [Job(cell=cell, runner=runner) for cell in cells]

    def trial_job(
        self,
        space: Space,
        point: Mapping[str, Scalar],
        store: Store,
        *,
        number: int,
        seed: int = TRIAL_SEED,
        kind: type[CellRunner] = CellRunner,
    ) -> Job:
        """The training of a trial, at a point of a space, in the store of the trials.

        Args:
            seed: of the training; reruns have their own.
        """
        alone = {"seeds": (seed,), "controls": ()}
        experiment = space.at(point).model_copy(update=alone)
        (job,) = self.jobs(experiment, store=store, levels={"trial": number}, kind=kind)
        return job
