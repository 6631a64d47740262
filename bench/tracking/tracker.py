"""Displays of progress that also tell another tool of each run's curves.

A tool is imported when it is used.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError, first_line
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

EXPERIMENT = "cxnet-bench"
"""The experiment in MLflow."""
FOLDER_TAG = "cxnet_bench.run"


class Tracker(ABC):
    """A :class:`bench.progress.Progress` that passes everything on, and tracks runs.

    A tool gets one run for each of ours, by the four methods below, which are called on a copy of
    the tracker for each run, since several can be under way at once. What goes wrong in one, such
    as a server that is gone, is told once, and the trainings go on without the tool.

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


class TensorBoard(Tracker):
    """TensorBoard's event files, a folder for each run, for ``tensorboard --logdir``.

    The paper's authors watched their loss curves in it.

    Args:
        folder: made if it is not there.
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


class WeightsAndBiases(Tracker):
    """A run of a Weights & Biases project for each of ours, known again by its folder's name.

    Its own variables hold: ``WANDB_MODE=offline`` keeps everything on this machine, for
    ``wandb sync``.

    Args:
        project: name of the project, or ``ENTITY/PROJECT``.
    """

    def __init__(self, progress: Progress, project: str) -> None:
        super().__init__(progress)
        try:
            import wandb
        except ImportError:
            raise InputError("--wandb needs Weights & Biases: pip install wandb") from None
        self._wandb = wandb
        self._entity, _, self._project = project.rpartition("/")
        self._run: Any = None

    def begin(self, *, folder: str, label: str, resumes: bool) -> None:
        """Open the run, or go on with it."""
        settings = self._wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            x_disable_meta=True,  # the command line, which holds paths
        )
        self._run = self._wandb.init(
            project=self._project,
            entity=self._entity or None,
            id=folder,
            name=label,
            resume="allow" if resumes else None,
            reinit="create_new",  # several runs may be under way at once
            settings=settings,
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send points of curves."""
        self._run.log(dict(values), step=step)

    def fail(self, reason: str) -> None:
        """Mark the run as failed; a reason may name files, and stays here."""
        del reason
        self._run.finish(exit_code=1)

    def end(self) -> None:
        """Close the run, unless it failed."""
        self._run.finish()


class MLflow(Tracker):
    """A run of the MLflow experiment ``cxnet-bench`` for each of ours.

    Args:
        uri: of the tracking server or store, such as ``http://HOST:5000`` or
            ``sqlite:///mlflow.db``.
    """

    def __init__(self, progress: Progress, uri: str) -> None:
        super().__init__(progress)
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise InputError("--mlflow needs MLflow: pip install mlflow") from None
        try:
            self._client = MlflowClient(tracking_uri=uri)
            known = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = (
                known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
            )
        except Exception as error:  # of the store, the database or the network
            raise InputError(f"--mlflow {uri!r}: {first_line(error)}") from None
        self._status = "FINISHED"

    def begin(self, *, folder: str, label: str, resumes: bool) -> None:
        """Make the run, or go on with the last one of its folder."""
        query = f"tags.`{FOLDER_TAG}` = '{folder}'"
        found = self._client.search_runs([self._experiment], query) if resumes else []
        run = (
            found[0]
            if found
            else self._client.create_run(
                self._experiment, run_name=label, tags={FOLDER_TAG: folder}
            )
        )
        self._run, self._status = run.info.run_id, "FINISHED"

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send points of curves."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def fail(self, reason: str) -> None:
        """Tag the run with the reason."""
        self._client.set_tag(self._run, "failed", reason)
        self._status = "FAILED"

    def end(self) -> None:
        """Close the run."""
        self._client.set_terminated(self._run, status=self._status)
