"""Whether all that a folder of runs holds is whole, what each fault needs, and its repair.

Nothing is lost by a repair: what is damaged is moved to ``damaged/``, and only what can be made
again is removed (left-over checkpoints, files in the making, locks, kept scores).
"""

from bench.doctor.examine import examine
from bench.doctor.finding import Finding

__all__ = ["Finding", "examine"]
