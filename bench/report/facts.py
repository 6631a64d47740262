"""Sentences around a table: its data, training and budgets, and incidents of its runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.evaluate.auc import FEW_PATIENTS
from bench.evaluate.results import Results, Table
from bench.evaluate.settings import OF_PLATEAUS, TRAIN_SHARE, SharedSettings
from bench.report.formatting import amounts, setting
from bench.report.text import lines
from bench.runs.records import LOGIT_FAULTS

# Values that leave a training as it is without the setting.
OFF = {
    "train.recipe": "paper",
    "train.schedule": "plateau",
    "train.warmup": 0.0,
    "train.layer_decay": 1.0,
    "train.ema": 0.0,
    "train.devices": 1,
}
# Searches that differ by more than a tenth in what they spent are called unequal.
UNEQUAL = 1.1
TRAIN, AUGMENT, IN_CHANNELS = "train.", "train.augment.", "model.in_channels"


def title(table: Table) -> str:
    """``nih (ChestX-ray14), split official, 64 px, task m1 (normal or abnormal?)``."""
    data = table.data
    source = f"{data.source} ({data.root})" if data.root else data.source
    # Imported predictions alone know no pixels.
    size = f"{data.image_size} px, " if data.image_size else ""
    return f"{source}, split {data.split.name}, {size}task {data.task} ({data.question})"


def resting_on(table: Table) -> list[str]:
    """Sentences on the data, the leakage between parts, versions, device, training and budgets."""
    found = lines(
        "facts",
        table=table,
        dates=sorted(environment.date[:10] for environment in table.environments),
        training=training(table.settings),
        training_differs=any(
            key.startswith((TRAIN, IN_CHANNELS, TRAIN_SHARE)) for key in table.settings.differing
        ),
        budgets=budgets(table),
        few=FEW_PATIENTS,
    )
    return list(dict.fromkeys(found))


def incidents(table: Table) -> list[str]:
    """Sentences on runs that failed, are unavailable or were replaced.

    Every failed run and every control that this data cannot have, with the reason, and every run
    that better settings replaced.
    """
    return lines("incidents", table=table, meaning=LOGIT_FAULTS)


def without_row(results: Results) -> list[str]:
    """Sentences on what is in no table.

    Tunings without a winner, runs that have not ended, and runs that cannot be used.
    """
    return lines("unfinished", results=results)


def training(settings: SharedSettings) -> list[str]:
    """The shared training settings, each with its value; empty where none is shared.

    Switches that are off and limits that are not set are left out.
    """
    shared = settings.shared
    hidden = OF_PLATEAUS if shared.get("train.schedule") == "cosine" else ()
    found = [
        _named(key.removeprefix(TRAIN), value)
        for key, value in shared.items()
        if key.startswith(TRAIN)
        and not key.startswith(AUGMENT)
        and value is not None
        and value is not False
        and value != OFF.get(key)
        and key not in hidden
    ]
    if IN_CHANNELS in shared:
        found.append(f"channels {shared[IN_CHANNELS]}")
    share = shared.get(TRAIN_SHARE)
    if isinstance(share, float) and share < 1.0:
        found.append(f"{100 * share:g} % of the training part")
    augmented = {
        key.removeprefix(AUGMENT): v for key, v in shared.items() if key.startswith(AUGMENT)
    }
    if augmented:
        on = " and ".join(
            _named(key.removeprefix(AUGMENT), value) for key, value in augmented.items() if value
        )
        other = any(key.startswith(AUGMENT) for key in settings.differing)
        found.append(f"{'other ' if other else ''}augmentation {on or 'none'}")
    return found


def _named(name: str, value: object) -> str:
    plain = name.replace("_", " ")
    return plain if value is True else f"{plain} {setting(value)}"


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Budgets of a table's tuned rows, as texts.

    Attributes:
        given: labels of the rows that had a budget, by the budget (``600 iterations``).
        spent: what one search spent, each with its unit (``590 to 600 iterations``).
        unequal: what one search spent more of than another by above a tenth.
        untuned: labels of networks that stand beside the tuned ones.
    """

    given: dict[str, list[str]]
    spent: list[str]
    unequal: list[str]
    untuned: list[str]


def budgets(table: Table) -> Budgets | None:
    """The budgets of a table's rows; None where no row was tuned."""
    given: defaultdict[str, list[str]] = defaultdict(list)
    spent = []
    for row in table.rows:
        if row.tuning is not None:
            given[amounts(row.tuning.budget)].append(row.label)
            spent.append(row.tuning.spent)
    if not spent:
        return None
    measured = {
        "trials": [each.trials for each in spent],
        "iterations": [each.iterations for each in spent],
        "s in training": [round(each.train_seconds) for each in spent],
    }
    return Budgets(
        given=given,
        spent=[f"{_range(values)} {unit}" for unit, values in measured.items()],
        unequal=[
            {"s in training": "training time"}.get(unit, unit)
            for unit, values in measured.items()
            if max(values) > UNEQUAL * min(values)
        ],
        untuned=[row.label for row in table.rows if row.kind == "network" and row.tuning is None],
    )


def _range(values: Sequence[int]) -> str:
    """``1,990 to 2,020``, or the number that all have."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
