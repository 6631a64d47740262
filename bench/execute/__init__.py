"""Running an experiment: its cells, one after the other, in this process."""

from bench.execute.experiment import describe_start, prepare, run_experiment
from bench.execute.preflight import check_experiment, check_levels, plan_cells

__all__ = [
    "check_experiment",
    "check_levels",
    "describe_start",
    "plan_cells",
    "prepare",
    "run_experiment",
]
