"""Running experiments: their cells, in this process or by workers."""

from bench.execute.executors import Executor
from bench.execute.experiment import run_experiment, run_experiments
from bench.execute.preflight import check_experiment, check_levels, plan_cells
from bench.execute.prepare import describe_start, prepare

__all__ = [
    "Executor",
    "check_experiment",
    "check_levels",
    "describe_start",
    "plan_cells",
    "prepare",
    "run_experiment",
    "run_experiments",
]
