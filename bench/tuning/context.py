"""The plan of a tuning, and what all its trials and winners' runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import Experiment
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.execute import plan_cells
from bench.execute.cell_runner import CellRunner, Job
from bench.progress import Progress
from bench.registry.search import Scalar
from bench.runs.store import Facts, Store
from bench.tuning.budget import Budget
from bench.tuning.sampling import PrunerName, SamplerName
from bench.tuning.space import Space

# The trials are trained with a seed far from those that people count from.
FIRST_TRIAL_SEED = 1000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How every model and loss of an experiment is tuned.

    Attributes:
        budget: of each of them.
        seed: of the search.
        sampler, pruner: Optuna's.
        fixed: dotted keys that are not searched.
        storage: URL of the database; None is a file beside the trials.
    """

    budget: Budget
    seed: int = 0
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    fixed: tuple[str, ...] = ()
    storage: str | None = None

    @property
    def trial_seed(self) -> int:
        """Seed of the trainings of all trials: trials differ by their settings alone."""
        return FIRST_TRIAL_SEED + self.seed

    def check_seeds(self, seeds: tuple[int, ...]) -> None:
        """Refuse to judge a winner by the very training that made it win.

        Raises:
            InputError: one of the winner's seeds is that of the trials.
        """
        if self.trial_seed in seeds:
            raise InputError(
                f"seed {self.trial_seed} is that of the trials, which the winner must not be "
                "judged by: choose other --seeds, or another --tuning-seed"
            )


@dataclass(frozen=True, kw_only=True)
class TuningContext:
    """Context that all trials and winners' runs of a tuning share.

    Attributes:
        plan: how the settings are searched.
        prepared: the data.
        environment: versions and device, stored with every trial and run.
        store: of the runs.
        lock: file that is held while a study is made or a record written.
        placements: where the pixels lie for the networks' device.
        progress: receives every event.
    """

    plan: Plan
    prepared: PreparedData
    environment: EnvironmentRecord
    store: Store
    lock: Path
    placements: PlacementCache
    progress: Progress

    def jobs(
        self,
        experiment: Experiment,
        *,
        store: Store | None = None,
        levels: Mapping[str, Any] | None = None,
    ) -> list[Job]:
        """All cells of an experiment without ``vary``, each with what it is run with.

        Args:
            experiment: the settings.
            store: of the runs; None is the tuning's own.
            levels: shown in the cells' labels.
        """
        runner = CellRunner(
            experiment=experiment,
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
        self, space: Space, point: Mapping[str, Scalar], store: Store, *, number: int
    ) -> Job:
        """The training at a point of a space.

        Args:
            space: of the model and loss.
            point: settings by dotted key.
            store: of the trials.
            number: the trial's.
        """
        alone = {"seeds": (self.plan.trial_seed,), "controls": ()}
        experiment = space.at(point).model_copy(update=alone)
        (job,) = self.jobs(experiment, store=store, levels={"trial": number})
        return job
