"""Splits by name: which images are learned from, tuned on and judged on."""

from bench.data.splits.make import make_split
from bench.data.splits.split import LEFT_OUT, PARTS, Positions, Split
from bench.data.splits.ways import SPLITS

__all__ = ["LEFT_OUT", "PARTS", "SPLITS", "Positions", "Split", "make_split"]
