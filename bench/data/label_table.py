"""What a source's label files say, whether or not the images are there."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.data.study import Problem


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """The labels of a data source without a way to its pixels.

    Attributes:
        name: the source's name, for tables ("nih").
        rows: every good row of the label files, with the columns of a study table
            (:mod:`bench.data.study`); of images that are not there, too, where the label files
            alone tell of them.
        finding_names: every finding that may occur, in the source's order.
        notes: facts about the label files.
        problems: rows that are not in ``rows``.
    """

    name: str
    rows: pd.DataFrame
    finding_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
