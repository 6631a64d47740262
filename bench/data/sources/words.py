"""Words that label files of any source hold, and what they mean."""

from __future__ import annotations

UNKNOWN = frozenset({"", "-", "?", "n/a", "na", "<na>", "nan", "nat", "none", "null", "unknown"})
"""Texts that programs and people write where nothing is known, in lower case."""
