"""Runs in Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import InputError
from bench.progress import Progress
from bench.tracking.tracker import Tracker


class WeightsAndBiases(Tracker):
    """A run of a Weights & Biases project for each of ours, known again by its folder's name.

    Its own variables hold: ``WANDB_MODE=offline`` keeps everything on this machine, for
    ``wandb sync``.

    Args:
        progress: everything is passed on to it.
        project: name of the project, or ``ENTITY/PROJECT``.

    Raises:
        InputError: Weights & Biases is not installed.
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
