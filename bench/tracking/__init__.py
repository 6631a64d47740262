"""Other tools that watch runs while they train; results come from stored predictions alone.

A tool is told of curves by :class:`bench.tracking.tracker.Tracker`, and imported when it is used.
"""

from bench.tracking.mlflow import MLflow
from bench.tracking.tensorboard import TensorBoard
from bench.tracking.tracker import Tracker
from bench.tracking.wandb import WeightsAndBiases

__all__ = ["MLflow", "TensorBoard", "Tracker", "WeightsAndBiases"]
