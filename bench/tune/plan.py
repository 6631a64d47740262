"""What a tuning is asked to do, and the name of each of its studies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from bench.data.fingerprint import fingerprint
from bench.data.prepare import PreparedData
from bench.errors import InputError
from bench.runs.cells import RESULTS_VERSION, Cell
from bench.tune.budget import Budget
from bench.tune.sampling import PrunerName, SamplerName
from bench.tune.space import Space

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


def study_name(plan: Plan, space: Space, cell: Cell, data: PreparedData) -> str:
    """Name of a study: readable, and unique by the hash of all that its trials depend on.

    The budget is no part of it, so that a larger one goes on; neither is the test part, which
    no trial looks at.

    Args:
        plan: of the tuning.
        space: what is searched.
        cell: of the experiment's own settings and the trials' seed.
        data: of the experiment.
    """
    content: dict[str, Any] = {
        "version": RESULTS_VERSION,
        "model": cell.model,
        "loss": cell.loss,
        "seed": cell.seed,
        "settings": cell.settings,
        "data": {
            part: fingerprint(data.rows.iloc[data.parts[part]], data.image_size)
            for part in ("train", "validation")
        },
        "space": space.in_words(),
        "start": space.start(),
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "tuning_seed": plan.seed,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    return f"{cell.model.replace(':', '-').replace('/', '-')}-{cell.loss}-{digest}"
