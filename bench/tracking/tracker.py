"""A display of progress that also tells another tool of each run's curves."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping

from bench.errors import first_line
from bench.events import (
    CellFailed,
    CellFinished,
    CellStarted,
    CellUnavailable,
    Event,
    Note,
    RerunEnded,
    TrialEnded,
    TrialStarted,
    Validated,
)
from bench.progress import Progress


class Tracker(ABC):
    """A :class:`bench.progress.Progress` that passes everything on, and tracks runs.

    A tool gets one run for each of ours, by the four methods below, which are called on a copy of
    the tracker for each run, since several can be under way at once. What goes wrong in one, such
    as a server that is gone, is told once, and the trainings go on without the tool.

    Args:
        progress: everything is passed on to it.

    Attributes:
        step: training steps of the run at its last validation.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._fails = False
        self._open: dict[str, Tracker] = {}
        self.step = 0

    @abstractmethod
    def begin(self, *, folder: str, label: str, resumes: bool) -> None:
        """A run or trial begins.

        Args:
            folder: name of its folder, by which it is known again.
            label: its name for people.
            resumes: earlier steps of it were logged before.
        """

    @abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Values of the run's curves, by name, at a training step."""

    @abstractmethod
    def fail(self, reason: str) -> None:
        """The run failed, or is a control that cannot be had; :meth:`end` follows."""

    @abstractmethod
    def end(self) -> None:
        """The run has ended."""

    def event(self, event: Event) -> None:
        """Pass an event on, and log what it says of the run that is trained."""
        self._progress.event(event)
        if self._fails:
            return
        try:
            self._track(event)
        except Exception as error:  # of a network, a server, a disk: the training is worth more
            self._fails = True
            text = f"{type(self).__name__} gets no more curves: {first_line(error)}"
            self._progress.event(Note(text))

    def _track(self, event: Event) -> None:
        match event:
            case CellStarted() | TrialStarted():
                self._end(event.cell)  # the one before, where its end was not told
                own = copy.copy(self)
                own.begin(folder=event.folder, label=event.cell, resumes=event.resumes)
                self._open[event.cell] = own
            case Validated():
                if run := self._open.get(event.cell):
                    run.step = event.iteration
                    values = {
                        "loss/train": event.train_loss,
                        "loss/validation": event.validation_loss,
                        "auc/validation": event.validation_auc,
                        "learning rate": event.lr,
                    }
                    run.log(values, run.step)
            case CellFailed() | CellUnavailable() | TrialEnded(ended="failed"):
                if run := self._open.get(event.cell):
                    run.fail(event.reason)
                self._end(event.cell)
            case CellFinished():
                self._log_and_end(event.cell, {"auc/test": event.test_auc})
            case TrialEnded(ended="finished", validation_auc=float(auc)):
                self._log_and_end(event.cell, {"auc/best validation": auc})
            case TrialEnded():  # pruned or cut: the last AUC is no best one, and on the curve
                self._end(event.cell)
            case RerunEnded():
                self._log_and_end(event.cell, {"auc/best validation": event.validation_auc})

    def _log_and_end(self, cell: str, values: Mapping[str, float]) -> None:
        if run := self._open.get(cell):
            run.log(values, run.step)
        self._end(cell)

    def _end(self, cell: str) -> None:
        if run := self._open.pop(cell, None):
            run.end()

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass on how far a piece of work is."""
        self._progress.advance(label, done, total)
