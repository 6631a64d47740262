"""What a tracker is told, and where it hears it from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bench.progress import Progress

# Of a validation, by the names that a tracker is given.
LOGGED = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "auc/validation": "validation_auc",
    "learning rate": "lr",
}


class Tracker(Protocol):
    """Watches the runs of a matrix; they come one after the other."""

    def start(self, run: str, *, label: str, resumes: bool) -> None:
        """A run begins.

        Args:
            run: name of its folder.
            label: its name for people.
            resumes: it goes on where it was interrupted, so that earlier steps were logged.
        """

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """A validation was done after ``step`` training steps; names as in ``LOGGED``."""

    def finish(self, values: Mapping[str, float]) -> None:
        """The run ended well: ``auc/test`` is known, or of a trial ``auc/best validation``."""

    def fail(self, reason: str) -> None:
        """The run failed."""


class Tracked:
    """Passes progress on, and tells a tracker what concerns it.

    Args:
        progress: where everything goes as before.
        tracker: told of starts, validations and ends.
    """

    def __init__(self, progress: Progress, tracker: Tracker) -> None:
        self._progress = progress
        self._tracker = tracker

    def event(self, name: str, **fields: Any) -> None:
        """Pass an event on; see :data:`bench.progress.TEXTS` for the names."""
        self._progress.event(name, **fields)
        if name in ("cell_started", "trial_started"):
            self._tracker.start(fields["folder"], label=fields["cell"], resumes=fields["resumes"])
        elif name == "validated":
            values = {called: float(fields[key]) for called, key in LOGGED.items()}
            self._tracker.log(fields["iteration"], values)
        elif name == "cell_finished":
            self._tracker.finish({"auc/test": float(fields["test_auc"])})
        elif name in ("cell_failed", "cell_unavailable") or fields.get("ended") == "failed":
            self._tracker.fail(fields["reason"])
        elif name == "trial_ended":
            self._tracker.finish({"auc/best validation": float(fields["validation_auc"])})

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass on how far a piece of work is."""
        self._progress.advance(label, done, total)
