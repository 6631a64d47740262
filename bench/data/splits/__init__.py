"""Splits by name: the images to learn from, to tune on and to test on."""

from bench.data.splits.make import draw_share, make_split, split_if_given
from bench.data.splits.split import LEFT_OUT, PARTS, RowNumbers, Split

__all__ = ["LEFT_OUT", "PARTS", "RowNumbers", "Split", "draw_share", "make_split", "split_if_given"]
