"""Search of settings with Optuna, the same budget for every model and loss.

A trial is a training as a run's: the same cell, loop, checkpoints and history, in a store of its
own under ``tuning/trials``. It is judged by validation AUC and never answers the test part. What
won is run again with fresh seeds as ordinary runs; the report shows those.
"""

from bench.tune.budget import Budget, parse_budget
from bench.tune.plan import Plan
from bench.tune.run import tune_experiment
from bench.tune.tuner import Tuned

__all__ = ["Budget", "Plan", "Tuned", "parse_budget", "tune_experiment"]
