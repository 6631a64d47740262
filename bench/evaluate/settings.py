"""Settings that the rows of a table share, and settings that differ between them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import JsonValue

from bench.config.dotted import flatten
from bench.config.schema import TrainConfig
from bench.runs.cells import (
    LOSS_OPTIONS,
    MODEL_OPTIONS,
    CascadeSettings,
    Cell,
    DataSettings,
    NetworkSettings,
)

# The weights column says these.
IN_WEIGHTS_COLUMN = frozenset({"model.pretrained", "model.policy", "model.normalisation"})
# These tell two rows of one model apart; elsewhere they say nothing to a reader: digests, the seed
# that a share of the training part was drawn from, which only runs on a share record, and the layer
# decay, which only pretrained networks have.
BETWEEN_LOOKALIKES = frozenset(
    {"model.weights", "model.code", "loss.code", "data.split_seed", "train.layer_decay"}
)
TRAIN_SHARE = "data.train_share"
RECIPE = "train.recipe"
# A cosine knows no plateaus.
OF_PLATEAUS = frozenset({"train.decay_factor", "train.patience", "train.max_decays"})
# Put for all settings that were searched for: the table of tunings says them.
TUNED = "tuned"
# Put for those that a row beside tuned ones was given, which nobody need have chosen.
AS_CONFIGURED = "as configured"


@dataclass(frozen=True, kw_only=True)
class SharedSettings:
    """The settings of a table's network rows, by their keys with dots (``train.lr``).

    Attributes:
        shared: those that every network row has with the same value.
        differing: the keys whose values differ between any two network rows, or that some of
            them lack.
    """

    shared: dict[str, JsonValue]
    differing: frozenset[str]


def compare(cells: Iterable[Cell]) -> SharedSettings:
    """Compare the settings of all networks among some cells; controls are not trained."""
    networks = [cell.dotted for cell in cells if cell.kind == "network"]
    differing = _differing(networks)
    first = networks[0] if networks else {}
    shared = {key: value for key, value in first.items() if key not in differing}
    return SharedSettings(shared=shared, differing=differing)


def captions(
    cells: Sequence[Cell], *, searched: Sequence[Collection[str]] = ()
) -> list[tuple[str, ...]]:
    """The settings column of a table, in parts.

    A network shows what differs between any two networks of the table, and its own options. Where
    some of these were searched for, ``tuned`` stands for them, and in rows that were not tuned
    ``as configured``, with what differs among these. A row that shows its recipe shows no value
    that the recipe gives. Rows that would still look the same, controls among them, also show what
    tells them apart.

    Args:
        searched: of each cell the dotted keys of the config that were searched for, none
            where all settings were given; may be left out where that holds for every row.

    Returns:
        The parts of each cell, such as ``train.lr=0.02`` and ``train.momentum=0.5``.
    """
    tuned = [
        {cell.own_key(key) for key in keys}
        for cell, keys in zip(cells, searched or [()] * len(cells), strict=True)
    ]
    elsewhere = IN_WEIGHTS_COLUMN | BETWEEN_LOOKALIKES
    among_all = compare(cells).differing - elsewhere - frozenset().union(*tuned)
    given = [cell for cell, keys in zip(cells, tuned, strict=True) if not keys]
    among_given = compare(given).differing - elsewhere
    flat = [cell.dotted for cell in cells]
    marks, shown = [], []
    for cell, settings, hidden in zip(cells, flat, tuned, strict=True):
        keys: set[str] = set()
        mark = TUNED if hidden else ""
        if cell.kind == "network":
            own = {key for key in settings if key.startswith((MODEL_OPTIONS, LOSS_OPTIONS))}
            keys = {*among_all, *own, *(() if hidden else among_given)}
            mark = mark or (AS_CONFIGURED if any(tuned) else "")
        marks.append(mark)
        keys -= hidden
        if settings.get("train.schedule") == "cosine":
            keys -= OF_PLATEAUS
        if RECIPE in keys:
            recipe = _recipe(str(settings[RECIPE]))
            keys -= {key for key in keys & recipe.keys() - {RECIPE} if settings[key] == recipe[key]}
        shown.append(keys)

    def caption(position: int) -> tuple[str, ...]:
        settings = flat[position]
        keys = sorted(shown[position] & settings.keys())
        mark = (marks[position],) if marks[position] else ()
        return (*mark, *(f"{key}={setting_text(settings[key])}" for key in keys))

    lookalikes: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for position, cell in enumerate(cells):
        key = (cell.kind, cell.model, cell.loss, weights(cell), caption(position))
        lookalikes[key].append(position)
    for positions in lookalikes.values():
        apart = _differing([flat[position] for position in positions])
        for position in positions:
            shown[position] |= apart
    return [caption(position) for position in range(len(cells))]


def weights(cell: Cell) -> str:
    """The weights column: ``from scratch``, ``pretrained``, ``pretrained, head``.

    ``pretrained`` alone is a network of which all parameters were trained on, and whose input is
    scaled as in its pretraining; else ``normalised by the data`` follows. "" is no network.
    """
    settings = cell.settings
    model = settings.model if isinstance(settings, NetworkSettings | CascadeSettings) else None
    if model is None:
        return ""
    if not model.pretrained:
        return "from scratch"
    parts = ["pretrained"]
    if model.policy not in (None, "full"):
        parts.append(str(model.policy))
    if model.normalisation != "pretrained":
        parts.append("normalised by the data")
    return ", ".join(parts)


def training(cell: Cell) -> dict[str, JsonValue]:
    """Training settings of a network by dotted key, without digests."""
    return {
        key: value
        for key, value in cell.dotted.items()
        if not key.startswith("model.") and key not in BETWEEN_LOOKALIKES
    }


def train_share(cell: Cell) -> float:
    """The share of the training part that the cell learned from."""
    data = cell.settings.data
    return data.train_share if isinstance(data, DataSettings) else 1.0


@cache
def _recipe(name: str) -> dict[str, JsonValue]:
    """The training settings that a recipe gives."""
    recipe = TrainConfig.model_validate({"recipe": name})
    return flatten({"train": recipe.model_dump(mode="json")})


def _differing(flat: Sequence[dict[str, JsonValue]]) -> frozenset[str]:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for settings in flat:
        for key, value in settings.items():
            values[key].append(json.dumps(value, sort_keys=True))
    return frozenset(
        key for key, texts in values.items() if len(texts) < len(flat) or len(set(texts)) > 1
    )


def setting_text(value: Any) -> str:
    """A setting's value as ``--set`` takes it: ``true``, ``0.02``, ``[1, 2]``, ``sgd``."""
    # Text that is not printable is quoted, so that no line break or mark gets into a table.
    plain = isinstance(value, str) and value.isprintable()
    return str(value) if plain else json.dumps(value, ensure_ascii=False, sort_keys=True)
