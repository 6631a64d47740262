"""Splits by name: the images to learn from, to tune on and to test on."""

from bench.data.splits.make import draw_share, make_split, split_as_configured, split_if_given
from bench.data.splits.split import LEFT_OUT, PARTS, RowNumbers, Split
from bench.data.splits.strategies import SPLITS

__all__ = [
    "LEFT_OUT",
    "PARTS",
    "SPLITS",
    "RowNumbers",
    "Split",
    "draw_share",
    "make_split",
    "split_as_configured",
    "split_if_given",
]
