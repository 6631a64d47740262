"""How sure a figure is, and the difference of two: intervals by resampling patients and seeds.

Images of one patient resemble each other, so patients are drawn and not images; with several
seeds, seeds are drawn too. All that is compared on the same test images is resampled alike:
draw ``k`` of one estimate and draw ``k`` of another saw the same patients and seeds, and so
their difference is a draw of the difference.
"""

from bench.stats.bootstrap import RESAMPLES, Drawn, Resampling
from bench.stats.estimate import LEVEL, Estimate, Interval, difference, mean_of
from bench.stats.ranking import Ranking
from bench.stats.testing import holm, p_value, smallest_difference

__all__ = [
    "Drawn",
    "Estimate",
    "Interval",
    "LEVEL",
    "RESAMPLES",
    "Ranking",
    "Resampling",
    "difference",
    "holm",
    "mean_of",
    "p_value",
    "smallest_difference",
]
