"""Budget of a search, the same for every model and loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from bench.errors import InputError

Unit = Literal["trials", "iterations", "minutes"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Budget of the search for one model with one loss.

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
        """The budget as JSON values: ``{"trials": 20}``."""
        return {self.unit: self.amount if self.unit == "minutes" else int(self.amount)}


def parse_budget(text: str) -> Budget:
    """The budget that ``trials=20``, ``iterations=50000`` or ``minutes=90`` names.

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
