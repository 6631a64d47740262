"""Names of rows in sentences and pictures, where there is no column of settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench.evaluate.results import Row
from bench.evaluate.settings import AS_CONFIGURED, TUNED, setting_text, telling
from bench.text import printable


def labels(rows: Sequence[Row]) -> list[str]:
    """Names, with what tells those of the same model and loss apart, and what they answer.

    Args:
        rows: all with a finished run.
    """
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        alike[row.name].append(place)
    names = [row.name for row in rows]
    for places in alike.values():
        if len(places) > 1:
            for place, said in zip(places, _apart([rows[at] for at in places]), strict=True):
                names[place] += f" ({said})"
    return [printable(name) + coverage(row.answered) for name, row in zip(names, rows, strict=True)]


def _apart(rows: Sequence[Row]) -> list[str]:
    """``max_iterations=200``, ``tuned``, ``pretrained``: what tells rows of one name apart."""
    cells = [row.runs[0].cell for row in rows]
    few, every = telling(cells)
    searched = {key for row in rows if row.tuning for key in row.tuning.searched}
    # "tuned" says what was searched for, unless only its values tell rows apart.
    full = [cell.dotted for cell in cells]
    for keys in (few - searched, few):
        texts = [_said(*each, rows, keys) for each in zip(rows, full, strict=True)]
        if len({*texts}) == len(texts):
            return texts
    return [_said(*each, rows, every) for each in zip(rows, full, strict=True)]


def _said(row: Row, settings: Mapping[str, Any], rows: Sequence[Row], keys: Collection[str]) -> str:
    last = Counter(map(key_name, keys))
    parts = [
        f"{key_name(key) if last[key_name(key)] == 1 else key}={setting_text(settings[key])}"
        for key in sorted(settings.keys() & keys)
    ]
    if any(one.tuning for one in rows):
        parts.insert(0, TUNED if row.tuning else AS_CONFIGURED)
    if len({one.weights for one in rows}) > 1:
        parts.append(row.weights)
    return ", ".join(parts)


def key_name(key: str) -> str:
    """The last part of a dotted key: ``image_size`` for ``data.image_size``."""
    return key.rsplit(".", 1)[-1]


def coverage(answered: tuple[int, int] | None) -> str:
    """The images that a row answers, to follow its name: `` (4 of 6 images)``; "" for all.

    Args:
        answered: as :class:`bench.evaluate.results.Row` has it.
    """
    if answered is None:
        return ""
    images, of = answered
    return f" ({images:,} of {of:,} image{'' if of == 1 else 's'})"
