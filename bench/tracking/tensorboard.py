"""Runs in TensorBoard, in which the paper's authors watched their loss curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.errors import InputError
from bench.progress import Progress
from bench.tracking.tracker import Tracker


class TensorBoard(Tracker):
    """Event files, a folder for each run, for ``tensorboard --logdir``.

    Args:
        progress: everything is passed on to it.
        folder: made if it is not there.

    Raises:
        InputError: TensorBoard is not installed, or the folder cannot be made.
    """

    def __init__(self, progress: Progress, folder: Path) -> None:
        super().__init__(progress)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError("--tensorboard needs TensorBoard: pip install tensorboard") from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--tensorboard {str(folder)!r}: {error.strerror}") from None
        self._make = SummaryWriter
        self._folder = folder

    def begin(self, *, folder: str, label: str, resumes: bool) -> None:
        """Open the run's event file."""
        # A run that begins anew replaces in the picture what an earlier try has logged.
        self._writer = self._make(str(self._folder / folder), purge_step=None if resumes else 0)
        self._writer.add_text("run", label)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write points of curves."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        # So that a killed run shows all that it did.
        self._writer.flush()

    def fail(self, reason: str) -> None:
        """Write the reason as a text."""
        self._writer.add_text("failed", reason, self.step)

    def end(self) -> None:
        """Close the event file."""
        self._writer.close()
