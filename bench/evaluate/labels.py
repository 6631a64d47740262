"""Names of rows in sentences and pictures, where there is no column of settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from bench.evaluate.results import Row
from bench.evaluate.settings import AS_CONFIGURED, RECIPE, TUNED, setting_text, telling
from bench.text import printable


def labels(rows: Sequence[Row]) -> list[str]:
    """Names that tell the finished rows of a table apart, and say which images they answer."""
    names = [row.name for row in rows]
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        if row.runs:
            alike[row.name].append(position)
    for positions in alike.values():
        texts = _apart([rows[position] for position in positions])
        for position, text in zip(positions, texts, strict=True):
            name = f"{names[position]} ({text})" if len(positions) > 1 else names[position]
            names[position] = printable(name) + coverage(rows[position].answered)
    return names


def _apart(rows: Sequence[Row]) -> list[str]:
    """``max_iterations=200``, ``tuned``, ``pretrained``: what tells rows of one name apart."""
    few, every = telling([row.runs[0].cell for row in rows])
    searched = {key for row in rows if row.tuning for key in row.tuning.searched_keys}
    # The recipe says what comes with it, and "tuned" what was searched for, unless only values tell
    # rows apart.
    for keys in ((few & {RECIPE}) - searched or few - searched, few - searched, few):
        texts = _settings(rows, keys)
        if len({*texts}) == len(texts):
            return texts
    return _settings(rows, every)


def _settings(rows: Sequence[Row], keys: Collection[str]) -> list[str]:
    """Some settings of each row, whether it was tuned and its weights, as far as rows differ."""
    last_parts = Counter(map(key_name, keys))
    names = {key: key_name(key) if last_parts[key_name(key)] == 1 else key for key in keys}
    any_tuned = any(row.tuning for row in rows)
    weights_differ = len({row.weights for row in rows}) > 1
    texts = []
    for row in rows:
        settings = row.runs[0].cell.dotted
        shown = sorted(settings.keys() & keys)
        parts = [f"{names[key]}={setting_text(settings[key])}" for key in shown]
        if any_tuned:
            parts.insert(0, TUNED if row.tuning else AS_CONFIGURED)
        if weights_differ:
            parts.append(row.weights)
        texts.append(", ".join(parts))
    return texts


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
