"""The three programs: how each is called, and how its output tells where it is.

All train the same network on the same images in the same number of steps, with SGD (momentum
0.9, learning rate 0.01, no decay), without augmentation, and validate after each epoch. All keep
their weights, as each does by itself.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tools.peers.image_folder import MANIFEST

LEARNING_RATE = 0.01
MOMENTUM = 0.9


@dataclass(frozen=True, kw_only=True)
class Work:
    """The training that every program does."""

    images: Path  # the folder with the parts `train` and `validation`
    train_images: int  # a multiple of the batch size
    image_size: int  # side in pixels, one channel
    batch_size: int
    model: str  # timm's name of the network, which is ours too
    precision: str  # `float32` or `bfloat16` (autocast)
    device: str  # `cpu` or `cuda`
    workers: int  # processes that decode images, of the two that have them
    epochs: int  # two at least, since the first is not timed

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.train_images // self.batch_size


def bench_command(work: Work, out: Path) -> list[str]:
    """``bench run``, which also predicts the test part and stores predictions."""
    settings = {
        "data.split": "fixed",
        "data.image_size": work.image_size,
        "model.pretrained": "false",
        "controls": "[]",
        "train.optimizer": "sgd",
        "train.lr": LEARNING_RATE,
        "train.momentum": MOMENTUM,
        "train.batch_size": work.batch_size,
        "train.max_iterations": work.epochs * work.steps,
        "train.validate_every": work.steps,
        "train.patience": work.epochs,  # no decay and no early stop
        "train.precision": work.precision,
    }
    return [
        *(sys.executable, "-m", "bench", "run", work.model, "--config=manifest"),
        *(f"--data={work.images / MANIFEST}", "--loss=ce", "--seeds=0"),
        *(f"--device={work.device}", f"--out={out}", "--json-log"),
        *(f"--set={key}={value}" for key, value in settings.items()),
    ]


def timm_command(work: Work, out: Path, *, script: Path) -> list[str]:
    """timm's ``train.py``; ``momentum`` is its name for SGD without Nesterov.

    Args:
        script: the file, from https://github.com/huggingface/pytorch-image-models.
    """
    mixed = ["--amp", "--amp-dtype=bfloat16"] if work.precision == "bfloat16" else []
    return [
        # -P: the script lies in a checkout with a timm of its own, but all programs are to use
        # the installed one, whose version is recorded.
        *(sys.executable, "-P", str(script), f"--data-dir={work.images}"),
        *("--train-split=train", "--val-split=validation"),
        *(f"--model={work.model}", "--num-classes=2", "--in-chans=1"),
        *(f"--img-size={work.image_size}", "--crop-pct=1", "--mean=0.5", "--std=0.5"),
        *("--no-aug", "--smoothing=0", f"--batch-size={work.batch_size}"),
        *("--opt=momentum", f"--lr={LEARNING_RATE}", f"--momentum={MOMENTUM}"),
        *("--weight-decay=0", "--sched=constant", "--warmup-epochs=0"),
        f"--epochs={work.epochs}",
        # Only the first and the last step of an epoch are logged.
        *(f"--log-interval={10**6}", f"--workers={work.workers}", f"--device={work.device}"),
        *(f"--output={out}", *mixed),
    ]


def lightning_command(work: Work, out: Path) -> list[str]:
    """Our script with a Lightning Trainer, ``lightning_run.py``."""
    return [
        *(sys.executable, "-m", "tools.peers.lightning_run", str(work.images)),
        *(f"--model={work.model}", f"--image-size={work.image_size}"),
        *(f"--batch-size={work.batch_size}", f"--lr={LEARNING_RATE}"),
        *(f"--momentum={MOMENTUM}", f"--epochs={work.epochs}", f"--precision={work.precision}"),
        *(f"--workers={work.workers}", f"--device={work.device}", f"--out={out}"),
    ]


# The lines in which the peers name a step that is done: of timm's script, and of ours.
_TIMM = re.compile(r"Train: (\d+) \[ *(\d+)/(\d+) ")
_LIGHTNING = re.compile(r"step (\d+)$")


@dataclass(kw_only=True)
class Steps:
    """Times of a program's steps, from the lines that it prints.

    An epoch of a program that prints the number of a step when it is done is timed from the end of
    its first step, so that what the program does between two epochs is not counted as training.
    """

    work: Work
    first_step_s: float | None = None  # from the start of the process to the first step's end
    images_per_second: float | None = None  # of the median epoch from the second on, training alone
    _epochs: list[float] = field(default_factory=list)
    _began: float | None = None
    _cell: str | None = None

    def read(self, at: float, line: str) -> None:
        """Take in a line that was printed ``at`` so many seconds after the start."""
        if line.startswith("{"):
            self._read_event(at, json.loads(line))
        elif found := _TIMM.search(line):
            epoch, step, steps = map(int, found.groups())
            self._step_done(at, epoch * steps + step + 1)
        elif found := _LIGHTNING.match(line):
            self._step_done(at, int(found[1]))

    def _read_event(self, at: float, event: dict[str, object]) -> None:
        """Take in an event of ours; the seconds in training steps are those that a run stores."""
        if event["event"] == "cell_started":
            self._cell = str(event["cell"])
        elif event["event"] == "advanced" and event["label"] == self._cell:
            if self.first_step_s is None:
                self.first_step_s = at
        elif event["event"] == "validated":
            seconds = float(str(event["train_seconds"]))
            before, self._began = self._began, seconds
            if before is not None:
                self._epoch_done(seconds - before, images=self.work.train_images)

    def _step_done(self, at: float, step: int) -> None:
        """Take in the end of an epoch's first or last step, counted from 1 over all epochs."""
        steps = self.work.steps
        if step == 1:
            self.first_step_s = at
        elif step % steps == 1:
            self._began = at
        elif step % steps == 0 and self._began is not None:
            self._epoch_done(at - self._began, images=(steps - 1) * self.work.batch_size)

    def _epoch_done(self, seconds: float, *, images: int) -> None:
        self._epochs.append(seconds)
        if len(self._epochs) == self.work.epochs - 1:
            self.images_per_second = images / median(self._epochs)
