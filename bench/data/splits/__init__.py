"""Splits by name: which images are learned from, tuned on and judged on."""

from bench.data.splits.make import SPLITS, make_split
from bench.data.splits.split import PARTS, Positions, Split

__all__ = ["PARTS", "SPLITS", "Positions", "Split", "make_split"]
