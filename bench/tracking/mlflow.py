"""Runs in MLflow."""

from __future__ import annotations

from collections.abc import Mapping

from bench.errors import InputError, first_line
from bench.progress import Progress
from bench.tracking.tracker import Tracker

EXPERIMENT = "cxnet-bench"
FOLDER_TAG = "cxnet_bench.run"


class MLflow(Tracker):
    """A run of the MLflow experiment ``cxnet-bench`` for each of ours.

    Args:
        progress: everything is passed on to it.
        uri: of the tracking server or store, such as ``http://HOST:5000`` or
            ``sqlite:///mlflow.db``.

    Raises:
        InputError: MLflow is not installed, or the server cannot be reached.
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
