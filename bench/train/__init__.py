"""The one loop, the decay schedule, checkpoints. Needs torch, timm, numpy, pydantic and PyYAML."""

from bench.train.evaluate import Answers, answer
from bench.train.failure import TrainingFailedError
from bench.train.loop import Training, Validation, make_optimizer, pick_precision, train
from bench.train.schedule import PlateauDecay
from bench.train.score import overall_auc

__all__ = [
    "Answers",
    "PlateauDecay",
    "Training",
    "TrainingFailedError",
    "Validation",
    "answer",
    "make_optimizer",
    "pick_precision",
    "train",
    "overall_auc",
]
