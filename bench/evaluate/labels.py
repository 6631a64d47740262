"""Names of rows in sentences and pictures, where there is no column of settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.evaluate.results import Row
from bench.text import printable


def labels(rows: Sequence[Row], settings: Sequence[Sequence[str]]) -> list[str]:
    """Names that tell the finished rows of a table apart, and say which images they answer.

    Args:
        settings: of each row (:func:`bench.evaluate.settings.captions`).
    """
    names = [row.name for row in rows]
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        if row.runs:
            alike[row.name].append(position)
    for positions in alike.values():
        texts = _apart([(*settings[k], rows[k].weights) for k in positions])
        for position, text in zip(positions, texts, strict=True):
            name = f"{names[position]} ({text})" if text else names[position]
            names[position] = printable(name) + coverage(rows[position].answered)
    return names


def _apart(rows: Sequence[Sequence[str]]) -> list[str]:
    """``max_iterations=200``, ``tuned``, ``pretrained``: what tells rows of one name apart."""
    shared = set(rows[0]).intersection(*rows)
    own = [[part for part in parts if part and part not in shared] for parts in rows]
    keys = {part.partition("=")[0] for parts in own for part in parts if "=" in part}
    is_clear = len({*map(key_name, keys)}) == len(keys)  # else no one can tell whose value it is
    return [", ".join(map(_short, parts) if is_clear else parts) for parts in own]


def _short(part: str) -> str:
    """A part of the settings with the last part of its key."""
    key, sign, value = part.partition("=")
    return f"{key_name(key)}{sign}{value}" if sign else part


def key_name(key: str) -> str:
    """The last part of a dotted key: ``image_size`` for ``data.image_size``."""
    return key.rsplit(".", 1)[-1]


def coverage(answered: tuple[int, int] | None) -> str:
    """The images that a row answers, to follow its name: `` (4 of 6 images)``; "" for all."""
    if answered is None:
        return ""
    images, of = answered
    return f" ({images:,} of {of:,} image{'' if of == 1 else 's'})"
