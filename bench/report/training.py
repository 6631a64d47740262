"""How the networks of a table were trained, in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.evaluate.settings import TRAIN_SHARE, SharedSettings
from bench.report.words import many, number

TRAIN = "train."
AUGMENT = "train.augment."
IN_CHANNELS = "model.in_channels"
# Settings that are said together or not by their names. One of these phrases stands where its
# first setting would, and only where all its settings are shared.
PHRASES: dict[tuple[str, ...], Callable[..., str]] = {
    ("optimizer",): number,
    ("batch_size",): lambda size: f"batch {number(size)}",
    ("max_iterations",): lambda most: f"at most {many(most, 'iteration')}",
    ("validate_every",): lambda steps: f"validated every {number(steps)}",
    ("decay_factor", "patience", "max_decays"): lambda factor, patience, most: (
        f"lr / {number(factor)} at a plateau of {many(patience, 'validation')} "
        f"(at most {many(most, 'time')})"
    ),
}


def training_line(settings: SharedSettings) -> str:
    """The shared training settings; "" where none is shared.

    Switches that are off, limits that are not set and the ordinary memory format are left out.

    Args:
        settings: of the table's networks.
    """
    train = {
        key.removeprefix(TRAIN): value
        for key, value in settings.shared.items()
        if key.startswith(TRAIN) and not key.startswith(AUGMENT) and value != "contiguous"
    }
    phrases = {names[0]: names for names in PHRASES if train.keys() >= set(names)}
    said = {name for names in phrases.values() for name in names}
    parts = []
    for name, value in train.items():
        if name in phrases:
            names = phrases[name]
            parts.append(PHRASES[names](*(train[n] for n in names)))
        elif name not in said and value is not False and value is not None:
            parts.append(_named(name, value))
    if IN_CHANNELS in settings.shared:
        parts.append(many(settings.shared[IN_CHANNELS], "channel"))
    share = settings.shared.get(TRAIN_SHARE, 1.0)
    if share != 1.0:
        parts.append(f"{100 * share:g} % of the training part")
    parts += _augmentation(settings)
    if not parts:
        return ""
    differs = any(key.startswith((TRAIN, IN_CHANNELS, TRAIN_SHARE)) for key in settings.differing)
    where = " (what differs is in the column settings, or was tuned)" if differs else ""
    return f"training{where}: {', '.join(parts)}"


def _augmentation(settings: SharedSettings) -> list[str]:
    shared = {
        key.removeprefix(AUGMENT): value
        for key, value in settings.shared.items()
        if key.startswith(AUGMENT)
    }
    if not shared:
        return []
    differs = any(key.startswith(AUGMENT) for key in settings.differing)
    on = " and ".join(_named(name, value) for name, value in shared.items() if value)
    return [f"{'other ' if differs else ''}augmentation {on or 'none'}"]


def _named(name: str, value: Any) -> str:
    plain = name.replace("_", " ")
    return plain if value is True else f"{plain} {number(value)}"
