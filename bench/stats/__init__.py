"""How sure an AUC is, and the difference of two: intervals by resampling patients and seeds.

Images of one patient resemble each other, so patients are drawn and not images; with several
seeds, seeds are drawn too. All that is compared on the same test images is resampled alike:
draw ``k`` of one estimate and draw ``k`` of another saw the same patients and seeds, and so
their difference is a draw of the difference.
"""

from bench.stats.bootstrap import RESAMPLES, Resampling
from bench.stats.estimate import LEVEL, Estimate, Interval, difference, mean_of
from bench.stats.ranking import Ranking

__all__ = [
    "Estimate",
    "Interval",
    "LEVEL",
    "RESAMPLES",
    "Ranking",
    "Resampling",
    "difference",
    "mean_of",
]
