"""The one loop, the decay schedule, checkpoints. Needs torch, timm, numpy, pydantic and PyYAML."""

from bench.train.autocast import pick_precision
from bench.train.evaluate import Answers, answer
from bench.train.failure import TrainingFailedError
from bench.train.layout import lay_out, pick_memory_format
from bench.train.loop import Training, Validation, train
from bench.train.optimizer import make_optimizer
from bench.train.schedule import PlateauDecay
from bench.train.score import overall_auc

__all__ = [
    "Answers",
    "PlateauDecay",
    "Training",
    "TrainingFailedError",
    "Validation",
    "answer",
    "lay_out",
    "make_optimizer",
    "pick_memory_format",
    "pick_precision",
    "train",
    "overall_auc",
]
