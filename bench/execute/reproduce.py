"""Running a finished run again, from its folder alone, and comparing the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from bench.data.placement import PlacementCache
from bench.environment import changes, describe_environment
from bench.errors import InputError
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.matrix import run_cells
from bench.execute.preflight import digest_of_weights, frozen_weights
from bench.execute.run_data import run_data
from bench.progress import Progress
from bench.registry import LOSSES, find_model
from bench.registry.costs import weights_here
from bench.runs.cells import FROZEN, code_digest
from bench.runs.checksums import HISTORY, WEIGHTS
from bench.runs.predictions import IDS
from bench.runs.run import Run, Unfinished
from bench.runs.store import Facts, Store
from bench.train.checkpoint import load

NOT_OF_THE_RESULT = "train_seconds"
"""The column of a history that no two runs share."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A run beside the same run made again."""

    # Largest absolute difference of a probability; NaN where the two are of other images, or the
    # second failed.
    difference: float
    # Names of what else differs: ``targets``, ``history``, ``weights``.
    differing: tuple[str, ...] = ()
    # Differences of the environments (:func:`bench.environment.changes`).
    changes: tuple[str, ...] = ()
    failure: str = ""  # why the run failed this time; "" where it did not

    @property
    def identical(self) -> bool:
        """Whether predictions, history and weights are equal, bit by bit."""
        return self.difference == 0.0 and not self.differing

    def __str__(self) -> str:
        """``identical``, or ``max |Δp| 0.347: threads 2 → 1, torch 2.14 → 2.15``."""
        if self.identical:
            return "identical"
        if self.failure:
            found = f"failed when run again: {self.failure}"
        elif np.isnan(self.difference):
            found = "the predictions are of other images"
        else:
            found = f"max |Δp| {self.difference:.3g}"
        also = f" ({' and '.join(self.differing)} differ too)" if self.differing else ""
        return f"{found}{also}: {', '.join(self.changes) or 'in the same environment'}"


def reproduce(folder: Path, *, out: Path, root: Path | None, progress: Progress) -> Reproduction:
    """Run a finished run again, with its recorded settings, threads and kind of device.

    Args:
        folder: of a network's or control's run that finished. Its models must be registered.
        out: folder of the new run; one that was interrupted there goes on.
        root: folder or file of the data; None is where the run's experiment found them.
    """
    run = _finished(folder.resolve())
    store, name = Store(out), run.name
    there = store.read(out / name)
    if not isinstance(there, Unfinished) or there.running:
        raise InputError(
            f"{str(out / name)!r} is there already: give another folder with --out, and RUN as the "
            "path of its folder"
        )
    store.check_writable()
    with _threads(run.environment.threads):
        job = _job(run, store=store, root=root, progress=progress)
        environment = job.runner.facts.environment
        job.runner.prepared.split.write(store.splits, job.runner.prepared.rows)
        store.record_experiment(job.runner.facts.experiment, [job.folder])
        run_cells([job])
    other = tuple(changes(run.attempts, environment))
    outcome = store.outcome(job.folder)
    if outcome is None or outcome.state != "finished":
        reason = outcome.reason if outcome else "it did not end"
        return Reproduction(difference=float("nan"), changes=other, failure=reason)
    again = store.run(name)
    before, now = run.predictions_frame(), again.predictions_frame()
    targets = () if before["target"].equals(now["target"]) else ("targets",)
    return Reproduction(
        difference=_difference(before, now, run.outputs.columns),
        differing=(*targets, *_differing(run.folder, again.folder)),
        changes=other,
    )


def _finished(folder: Path) -> Run:
    run = Store(folder.parent).run(folder.name)
    run.refuse_external()
    if run.cell.kind == "imported":
        raise InputError(
            f"run {folder.name} was imported: its predictions were made elsewhere, and only their "
            "file can be imported again"
        )
    if run.cell.kind == "cascade":
        raise InputError(
            f"run {folder.name} is made of the predictions of other runs: reproduce those, one for "
            "each of its stages"
        )
    if run.outcome.state != "finished":
        raise InputError(f"run {folder.name} is {run.outcome.state}: there is nothing to compare")
    return run


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute with so many threads, in torch and in the libraries of the controls."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _job(run: Run, *, store: Store, root: Path | None, progress: Progress) -> Job:
    """The run's cell, on its data."""
    device = _device(run)
    experiment = Store(run.folder.parent).experiment_of(run.folder)
    _check_made_of(run, experiment.model.weights_dir)
    prepared = run_data(run, root=root, progress=progress)
    runner = CellRunner(
        level=experiment,  # as it was given; its folder of weights alone is used
        prepared=prepared,
        store=store,
        placements=PlacementCache(device),
        progress=progress,
        levels={},
        facts=Facts(
            experiment=experiment,
            data=prepared.record,
            environment=describe_environment(device),
        ),
    )
    return Job(cell=run.cell, runner=runner)


def _device(run: Run) -> torch.device:
    """The kind of device that the run was made on."""
    name = run.environment.device
    if name.startswith("CPU, "):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError(
            f"run {run.name} was made on {name}, and there is no GPU here (or torch has no "
            "CUDA): reproduce it where there is one"
        )
    return torch.device("cuda")


def _check_made_of(run: Run, weights_dir: Path | None) -> None:
    """Refuse weights or a plugin's code that are others here than those that the run's key names.

    All other settings are as they were recorded.
    """
    cell, here = run.cell, dict[str, str | None]()
    if cell.kind == "network":
        model = find_model(cell.model)
        here["model.code"] = code_digest(model)
        here["loss.code"] = code_digest(LOSSES.get(cell.loss))
        if model.timm_name is not None and cell.network.model.pretrained:
            if not weights_here([model], weights_dir=weights_dir)[model.name]:
                raise InputError(
                    f"pretrained weights of {model.name} are not on this machine: `bench weights "
                    f"fetch {model.name}` fetches them"
                )
            here["model.weights"] = digest_of_weights(model.timm_name, weights_dir)
    elif cell.model == FROZEN and run.data.image_size is not None:
        here["weights"] = frozen_weights(run.data.image_size, weights_dir)
    for key, digest in here.items():
        if (before := cell.dotted.get(key)) != digest:
            raise InputError(
                f"run {run.name} would have another {key} here: {digest or 'none'}, not "
                f"{before or 'none'}"
            )


def _difference(before: pd.DataFrame, now: pd.DataFrame, columns: list[str]) -> float:
    """Largest absolute difference of a probability; NaN where the images or parts differ."""
    if not before[[*IDS]].equals(now[[*IDS]]):
        return float("nan")
    return float(np.abs(before[columns].to_numpy() - now[columns].to_numpy()).max(initial=0.0))


def _differing(before: Path, now: Path) -> Sequence[str]:
    """Names of history and weights where they differ, of those that the earlier run has."""
    found = []
    if (before / HISTORY).is_file():
        first, second = (
            pd.read_csv(folder / HISTORY).drop(columns=NOT_OF_THE_RESULT)
            for folder in (before, now)
        )
        if not first.equals(second):
            found.append("history")
    weights = _weights(before)
    if weights is not None and not _equal(weights, _weights(now)):
        found.append("weights")
    return found


def _weights(folder: Path) -> dict[str, Any] | None:
    """The weights of a run's network by name; None where it is no network's."""
    state = load(folder / WEIGHTS, device=torch.device("cpu"))
    return None if state is None else dict(state["network"])


def _equal(first: dict[str, Any], second: dict[str, Any] | None) -> bool:
    return (
        second is not None
        and first.keys() == second.keys()
        and all(torch.equal(value, second[name]) for name, value in first.items())
    )
