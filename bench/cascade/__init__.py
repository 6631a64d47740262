"""The whole hierarchy, judged from stored runs of its stages, beside the flat network.

Nothing here trains, and nothing reads a pixel: ``gather`` puts the runs of m1 to m4 (and of
findings14) together that belong together, ``separation`` holds their images against the split,
``answers`` routes every test image, ``scores`` compares with the truth, ``tables`` puts seeds
into rows, ``text`` and ``export`` write them down.
"""

from bench.cascade.export import as_json, write_answers
from bench.cascade.gather import CASCADE_TASKS, FLAT, STAGES, narrow, runs_of
from bench.cascade.tables import Collected, Pair, Row, Table, collect
from bench.cascade.text import markdown

__all__ = [
    "CASCADE_TASKS",
    "FLAT",
    "STAGES",
    "Collected",
    "Pair",
    "Row",
    "Table",
    "as_json",
    "collect",
    "markdown",
    "narrow",
    "runs_of",
    "write_answers",
]
