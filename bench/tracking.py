"""Runs in TensorBoard while they train, in which the paper's authors watched their loss curves.

Any tool that watches is a :class:`bench.progress.Progress` that passes everything on. Results
never come from here: they come from stored predictions.
"""

from __future__ import annotations

from pathlib import Path

from bench.errors import InputError
from bench.events import (
    CellFailed,
    CellFinished,
    CellStarted,
    CellUnavailable,
    Event,
    TrialEnded,
    TrialStarted,
    Validated,
)
from bench.progress import Progress


class TensorBoard:
    """Event files, a folder for each run, for ``tensorboard --logdir``.

    Args:
        progress: everything is passed on to it.
        folder: made if it is not there.

    Raises:
        InputError: TensorBoard is not installed, or the folder cannot be made.
    """

    def __init__(self, progress: Progress, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError("--tensorboard needs TensorBoard: pip install tensorboard") from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--tensorboard {str(folder)!r}: {error.strerror}") from None
        self._progress = progress
        self._make = SummaryWriter
        self._folder = folder
        self._step = 0

    def event(self, event: Event) -> None:
        """Pass an event on, and write what it says of the run that is trained."""
        self._progress.event(event)
        match event:
            case CellStarted() | TrialStarted():
                # A run that begins anew replaces in the picture what an earlier try has logged.
                purged = None if event.resumes else 0
                self._writer = self._make(str(self._folder / event.folder), purge_step=purged)
                self._writer.add_text("run", event.cell)
                self._step = 0
            case Validated():
                self._step = event.iteration
                self._add("loss/train", event.train_loss)
                self._add("loss/validation", event.validation_loss)
                self._add("auc/validation", event.validation_auc)
                self._add("learning rate", event.lr)
                # So that a killed run shows all that it did.
                self._writer.flush()
            case CellFailed() | CellUnavailable() | TrialEnded(ended="failed"):
                self._writer.add_text("failed", event.reason, self._step)
                self._writer.close()
            case CellFinished():
                self._add("auc/test", event.test_auc)
                self._writer.close()
            case TrialEnded(validation_auc=float(auc)):
                self._add("auc/best validation", auc)
                self._writer.close()

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass on how far a piece of work is."""
        self._progress.advance(label, done, total)

    def _add(self, name: str, value: float) -> None:
        self._writer.add_scalar(name, value, self._step)
