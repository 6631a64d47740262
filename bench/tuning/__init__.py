"""Search of settings with Optuna, within the same budget for every model and loss.

A trial is a training as a run's, with the same cell, loop, checkpoints and history, in a store of
its own under ``tuning/trials``. Its value is the validation AUC; it never predicts the test part.
The winner is run again with fresh seeds as ordinary runs, which the report shows.
"""

from bench.tuning.plan import Budget, Plan, default_budget, parse_budget
from bench.tuning.run import Tuned, tune_experiment

__all__ = ["Budget", "Plan", "Tuned", "default_budget", "parse_budget", "tune_experiment"]
