"""The training loop and what it is made of: step, prediction, checkpoint, schedule, device."""

from bench.train.device import lay_out, pick_memory_format, pick_precision, random_state_kept
from bench.train.distributed.launch import check_devices, train_on_devices
from bench.train.errors import TrainingFailedError
from bench.train.history import Listener, Training, TrainingData, Validation
from bench.train.loop import train
from bench.train.optimizer import make_optimizer
from bench.train.prediction import predict
from bench.train.score import overall_auc
from bench.train.step import make_step

__all__ = [
    "Listener",
    "Training",
    "TrainingData",
    "TrainingFailedError",
    "Validation",
    "check_devices",
    "lay_out",
    "make_optimizer",
    "make_step",
    "overall_auc",
    "pick_memory_format",
    "pick_precision",
    "predict",
    "random_state_kept",
    "train",
    "train_on_devices",
]
