"""TensorBoard, in which the paper's authors watched their loss curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.errors import InputError


class TensorBoard:
    """Writes event files, a folder for each run, for ``tensorboard --logdir``.

    Args:
        folder: made if it is not there.

    Raises:
        InputError: TensorBoard is not installed, or the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "--tensorboard needs TensorBoard: pip install 'cxnet-bench[tensorboard]'"
            ) from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--tensorboard {str(folder)!r}: {error.strerror}") from None
        self._make = SummaryWriter
        self._folder = folder
        self._step = 0

    def start(self, run: str, *, label: str, resumes: bool) -> None:
        """Open the run's folder; see :class:`bench.tracking.Tracker`."""
        # A run that begins anew replaces in the picture what an earlier try has logged.
        purged = None if resumes else 0
        self._writer = self._make(str(self._folder / run), purge_step=purged)
        self._writer.add_text("run", label)
        self._step = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        # So that a killed run shows all that it did.
        self._writer.flush()
        self._step = step

    def finish(self, values: Mapping[str, float]) -> None:
        """Add the figures of the end, at the last step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, self._step)
        self._writer.close()

    def fail(self, reason: str) -> None:
        """Say why."""
        self._writer.add_text("failed", reason, self._step)
        self._writer.close()
