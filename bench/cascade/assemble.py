"""Cascades stored as runs of the task findings14."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cascade.routing import Routes, Separation, route_cascade, route_flat
from bench.cascade.stages import CASCADE_TASKS, FLAT, STAGES, find_stages
from bench.data.splits import Split
from bench.data.splits.split import file_name
from bench.errors import InputError
from bench.runs.cells import Cell, System
from bench.runs.predictions import SEPARATOR, Predictions
from bench.runs.records import Outcome
from bench.runs.run import Run
from bench.runs.store import Facts, Store
from cxnet.hierarchy import Blame, Leaf, Routed, blame, leaf_of

# System, the tasks that it needs, and how it routes.
SYSTEMS: dict[System, tuple[tuple[str, ...], Callable[..., Routes]]] = {
    "cascade": (STAGES, route_cascade),
    "flat": ((FLAT,), route_flat),
}


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """Cascades and flat systems that were stored.

    Attributes:
        runs: names of their folders.
        missing: a line for each system that lacks a run which training can make, or whose data
            cannot give it.
        incomplete: whether running again may help.
    """

    runs: tuple[str, ...]
    missing: tuple[str, ...]
    incomplete: bool


def assemble(runs: Iterable[Run], *, store: Store) -> Assembled:
    """Route the test images through every cascade that some runs make up, and store the outcome.

    Beside each cascade stands its flat rival (findings14, asked first whether there is any
    finding), and for each data set the answer "always normal", which needs no network.

    Args:
        runs: those that ended.
        store: of the runs; the cascades are stored there too.

    Raises:
        InputError: there is no cascade at all; the stages of one rest on different data or
            splits; a test image was learned from; stored predictions are damaged.
    """
    names: list[str] = []
    missing: list[str] = []
    incomplete = False
    for site in find_stages(runs):
        reference = site.flat_run()
        if reference is None:
            finished = sorted({task for entry in site.stages for task in entry.runs})
            missing.append(f"no finished run of {FLAT} beside those of {', '.join(finished)}")
            incomplete = True
            continue
        truth = _sorted(reference.predictions()["test"])
        separation = _read_separation(store, reference)
        for entry in site.stages:
            for system, (tasks, router) in SYSTEMS.items():
                if reason := entry.missing(tasks):
                    missing.append(f"no {system} of {entry.cell.label}: {reason}")
                    incomplete |= not entry.unavailable(tasks)
                    continue
                stages = {task: entry.runs[task] for task in tasks}
                routes = router(stages, images=truth.images, separation=separation)
                cell = entry.cell.as_cascade(system)
                names.append(_store(store, cell, reference, truth, routes))
        nothing = np.zeros_like(truth.targets)
        always_normal = Routes(called=nothing > 0, probabilities=nothing)
        cell = reference.cell.as_cascade("always normal")
        names.append(_store(store, cell, reference, truth, always_normal))
    if not names:
        reason = "; ".join(missing) or f"there is no run of {', '.join(CASCADE_TASKS)}"
        raise InputError(
            f"no cascade to evaluate: {reason}; bench cascade MODEL trains what is missing"
        )
    return Assembled(runs=tuple(names), missing=tuple(missing), incomplete=incomplete)


def write_routes(names: Iterable[str], path: Path, *, store: Store) -> None:
    """Write one line for each test image and stored system.

    Columns: ``source``, ``split``, ``split_hash``, ``image_size``, ``system``, ``model``, ``loss``,
    ``seed``; ``image``, ``patient``; ``truth`` and ``answer``, findings joined by ``|`` and empty
    for normal; ``route`` (normal, one, several); ``first_wrong`` (m1, m2, leaf; empty for a right
    answer); ``soft_FINDING``, the probability that ranks the images.

    Args:
        names: folders of stored cascades (:attr:`Assembled.runs`).
        path: the file; an older one is replaced.
        store: where they are.
    """
    wanted = set(names)
    frames = [_routes(run) for run in store.runs() if run.folder.name in wanted]
    path.parent.mkdir(parents=True, exist_ok=True)
    (pd.concat(frames) if frames else pd.DataFrame()).to_csv(path, index=False)


def _routes(run: Run) -> pd.DataFrame:
    predictions = run.predictions()["test"]
    called, truth = predictions.called, predictions.targets > 0
    assert called is not None, "a cascade says what it names"
    blamed = blame(Routed(leaf=leaf_of(called), findings=called), truth)
    data, cell = run.data, run.cell
    frame = pd.DataFrame(
        {
            "source": data.source,
            "split": data.split.name,
            "split_hash": data.split.hash,
            "image_size": data.image_size,
            "system": cell.system,
            "model": cell.model,
            "loss": cell.loss,
            "seed": cell.seed,
            "image": predictions.images,
            "patient": predictions.patients,
            "truth": _names(truth, data.classes),
            "answer": _names(called, data.classes),
            "route": [Leaf(leaf).name.lower() for leaf in leaf_of(called)],
            "first_wrong": [
                "" if stage == Blame.RIGHT else Blame(stage).name.lower() for stage in blamed
            ],
        }
    )
    soft = pd.DataFrame(predictions.probabilities, columns=[f"soft_{n}" for n in data.classes])
    return pd.concat([frame, soft], axis=1)


def _names(labels: NDArray[np.bool_], findings: Sequence[str]) -> list[str]:
    names = np.array(findings, dtype=object)
    return [SEPARATOR.join(names[row]) for row in labels]


def _sorted(predictions: Predictions) -> Predictions:
    order = np.argsort(predictions.images, kind="stable")
    return Predictions(
        images=predictions.images[order],
        patients=predictions.patients[order],
        targets=predictions.targets[order],
        probabilities=predictions.probabilities[order],
    )


def _read_separation(store: Store, run: Run) -> Separation:
    """Read the split that a run's record names.

    Raises:
        InputError: the file is gone, damaged or another split.
    """
    split = run.data.split
    path = store.splits / file_name(name=split.name, seed=split.seed, digest=split.hash)
    if not path.is_file():
        raise InputError(
            f"split file {str(path)!r} is not there, and without it nobody can say that no test "
            "image was learned from: copy it here, or run `bench run` once more, which writes it"
        )
    return Separation(images=Split.read_images(path, digest=split.hash))


def _store(
    store: Store,
    cell: Cell,
    reference: Run,
    truth: Predictions,
    routes: Routes,
) -> str:
    """Store one system's answers; returns the name of its folder."""
    folder = store.folder(cell, reference.data)
    predictions = Predictions(
        images=truth.images,
        patients=truth.patients,
        targets=truth.targets,
        probabilities=routes.probabilities,
        called=routes.called,
    )
    with store.claim(folder) as claimed:
        if not claimed:
            raise InputError(f"another process is storing {cell.label}: wait for it")
        if not store.holds(folder, predictions, reference.outputs):
            facts = Facts(
                experiment=store.experiment_of(reference.folder),
                data=reference.data,
                environment=reference.environment,
            )
            store.begin(folder, cell, facts)
            store.write_called(folder, predictions, reference.outputs)
            store.end(folder, Outcome(state="finished"))
    return folder.name
