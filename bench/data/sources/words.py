"""Words that label files of any source hold, and what they mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from bench.text import first_names

NAMED = 5  # names in a note

NORMAL = ("normal", "no finding", "healthy", "negative")
"""Labels of a normal image, folded."""

UNKNOWN = frozenset(
    {"", "-", "?", "#n/a", "n/a", "na", "<na>", "nan", "nat", "none", "null", "unknown"}
)
"""Texts that programs and people write where nothing is known, folded."""

BOOLEANS = {
    "0": False,
    "0.0": False,
    "false": False,
    "no": False,
    "n": False,
    "falsch": False,  # as Excel writes it in German
    "nein": False,
    "1": True,
    "1.0": True,
    "true": True,
    "yes": True,
    "y": True,
    "wahr": True,
    "ja": True,
}
"""Meaning of the values in a column of two values, by the folded text."""

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Part of a split by the folded text of a split column or the folded name of a folder."""


_QUOTED = re.compile(r"""(['"])(.*?)\1""")


def fold(name: str) -> str:
    """A name in the form in which names are compared: lower case, single blanks, no underscores."""
    return " ".join(name.replace("_", " ").split()).lower()


def unify(counts: Counter[str], *, known: Collection[str]) -> dict[str, str]:
    """The one spelling of each name, of names that differ in case, underscores and blanks alone.

    That is a known one, else the most frequent one. Known names stay as they are; two of these
    that are equal when folded lend their spelling to nobody.
    """
    spelling: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spelling.setdefault(fold(name), name)
    folded = Counter(map(fold, known))
    spelling |= {fold(name): name for name in known if folded[fold(name)] == 1}
    return {
        name: name if name in known or folded[fold(name)] > 1 else spelling[fold(name)]
        for name in counts
    }


def about_spellings(spelling: Mapping[str, str], *, of: str) -> tuple[str, ...]:
    """A note on names (findings, say) that stand for one another in several spellings."""
    changed = [f"{name!r} is {used!r}" for name, used in sorted(spelling.items()) if name != used]
    return (f"{of} in another spelling: {first_names(changed, NAMED)}",) if changed else ()


def is_list(text: str) -> bool:
    """Whether a cell is a list of Python, such as PadChest's ``['effusion', 'mass']``."""
    return text.startswith("[") and text.endswith("]")


def parts(text: str, separator: str) -> Sequence[str]:
    """The names in a cell, sorted, each once and without blanks around it."""
    names = [name for _, name in _QUOTED.findall(text)] if is_list(text) else text.split(separator)
    return sorted({name.strip() for name in names} - {""})
