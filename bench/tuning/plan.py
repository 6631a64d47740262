"""The plan of a tuning: its budget, the same for every model and loss, and how it is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench.config import Experiment
from bench.errors import InputError

Unit = Literal["trials", "iterations", "minutes"]

# All trials are trained with one seed, far from those that people count from: they differ by their
# settings alone. The best of them are trained again with seeds that are no trial's.
TRIAL_SEED = 1000
RERUN_SEEDS = (10_000_000, 10_000_001)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Budget of the search for one model with one loss."""

    # ``trials``; ``iterations`` (training steps of all trials); or ``minutes``, spent in training
    # steps on the device, validations and start-up left out.
    unit: Unit
    amount: float  # of them, above 0; a whole number but for minutes

    def __str__(self) -> str:
        amount = f"{int(self.amount):,}" if self.amount.is_integer() else f"{self.amount:g}"
        return f"{amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"

    def as_dict(self) -> dict[str, float]:
        """The budget as JSON values: ``{"trials": 20}``."""
        return {self.unit: self.amount if self.unit == "minutes" else int(self.amount)}


def default_budget(experiment: Experiment) -> Budget:
    """Ten full trainings' worth of iterations.

    A start of each recipe and some eight more, or twice as many where half are pruned. Iterations
    and not trials: networks whose trials are pruned early would else learn less for the same name.
    """
    return Budget(unit="iterations", amount=10.0 * experiment.train.max_iterations)


def parse_budget(text: str) -> Budget:
    """The budget that ``trials=20``, ``iterations=50000`` or ``minutes=90`` names."""
    unit, _, amount = (part.strip() for part in text.partition("="))
    for known in get_args(Unit):
        if unit == known:
            try:
                value = float(amount) if unit == "minutes" else float(int(amount))
            except ValueError:
                break
            if math.isfinite(value) and value > 0:
                return Budget(unit=known, amount=value)
    raise InputError(
        f"budget {text!r}: write trials=20, iterations=50000 or minutes=90, with a number above 0"
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Plan of a tuning, the same for every model and loss of an experiment."""

    budget: Budget
    fixed: tuple[str, ...] = ()  # dotted keys that are not searched
    # URL of the database; None is a file beside the trials. It may hold a password, so that it is
    # not printed.
    storage: str | None = field(default=None, repr=False)


def check_seeds(seeds: tuple[int, ...]) -> None:
    """Refuse to judge a winner by the very trainings that made it win."""
    for seed in (TRIAL_SEED, *RERUN_SEEDS):
        if seed in seeds:
            raise InputError(
                f"seed {seed} is that of the trials, which the winner must not be judged by: "
                "choose other seeds"
            )
