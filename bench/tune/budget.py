"""How much searching a model and loss is given: the same for each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench.errors import InputError
from bench.runs.records import Spent

Unit = Literal["trials", "iterations", "minutes"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one model with one loss may spend on its search.

    Attributes:
        unit: ``trials``; ``iterations`` (training steps of all trials); or ``minutes``, spent in
            training steps on the device, validations and start-up left out.
        amount: of them, above 0; a whole number but for minutes.
    """

    unit: Unit
    amount: float

    def __str__(self) -> str:
        amount = f"{int(self.amount):,}" if self.amount.is_integer() else f"{self.amount:g}"
        return f"{amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"

    def as_dict(self) -> dict[str, float]:
        """``{"trials": 20}``."""
        return {self.unit: self.amount if self.unit == "minutes" else int(self.amount)}

    def used(self, spent: Spent) -> float:
        """How much of it was spent, in its unit."""
        return spent.measured(self.unit)

    def cuts(self, spent: Spent) -> bool:
        """Whether a trial in training is to end now, since the budget is used up.

        A budget of trials lets every trial end by itself.
        """
        return self.unit != "trials" and self.used(spent) >= self.amount


def parse_budget(text: str) -> Budget:
    """``trials=20``, ``iterations=50000`` or ``minutes=90``.

    Raises:
        InputError: it is none of them.
    """
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
        f"--budget {text!r}: write trials=20, iterations=50000 or minutes=90, with a number above 0"
    )


def add_up(parts: Sequence[Spent]) -> Spent:
    """What several trials spent together."""
    return Spent(
        trials=sum(part.trials for part in parts),
        finished=sum(part.finished for part in parts),
        pruned=sum(part.pruned for part in parts),
        failed=sum(part.failed for part in parts),
        iterations=sum(part.iterations for part in parts),
        train_seconds=math.fsum(part.train_seconds for part in parts),
    )
