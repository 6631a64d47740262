"""Cascades stored as runs of the task findings14."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from bench.cascade.routing import Routes, SplitImages, route_cascade, route_flat
from bench.cascade.stages import (
    CASCADE_TASKS,
    FLAT,
    STAGES,
    StageRuns,
    find_reference,
    find_stages,
)
from bench.data.splits import Split
from bench.errors import InputError
from bench.files import write_text
from bench.runs.cells import Cell, System
from bench.runs.predictions import PREDICTIONS, Predictions, to_frame
from bench.runs.reading import own_name
from bench.runs.records import Outcome, Unusable
from bench.runs.run import Run
from bench.runs.store import Facts, Store

PATIENCE = 60
"""Seconds to wait for another process that stores the same run, which takes a moment."""
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

    Raises:
        InputError: there is no cascade at all; a test image was learned from; stored predictions
            are damaged.
    """
    names: list[str] = []
    missing: list[str] = []
    incomplete = False
    unusable = store.survey().unusable
    for entries in find_stages(runs):
        reference = find_reference(entries)
        if reference is None:
            finished = sorted({task for entry in entries for task in entry.runs})
            missing.append(f"no finished run of {FLAT} beside those of {', '.join(finished)}")
            incomplete = True
            for entry in entries:
                for system in SYSTEMS:
                    # Any of them may be the run of findings14 that is missing.
                    _discard(store, entry, system, spared=bool(unusable))
            continue
        truth = _sorted_test_part(reference)
        split = _read_split(store, reference)
        for entry in entries:
            # Which stage a damaged run was is not known: what was made of it is left alone.
            spared = any(_may_be_stage(store, each, entry) for each in unusable)
            for system, (tasks, router) in SYSTEMS.items():
                if reason := entry.missing(tasks):
                    missing.append(f"no {system} of {entry.cell.label}: {reason}")
                    incomplete |= not entry.unavailable(tasks)
                    _discard(store, entry, system, spared=spared)
                    continue
                cell = entry.cell.as_cascade(system)
                stages = {task: entry.runs[task] for task in tasks}
                routes = router(stages, images=truth.images, split=split)
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


def _sorted_test_part(run: Run) -> Predictions:
    """The predictions for the test part, sorted by image."""
    predictions = run.predictions()["test"]
    return predictions.at(np.argsort(predictions.images, kind="stable"))


def _read_split(store: Store, run: Run) -> SplitImages:
    """The images of each part of a run's split."""
    path = store.split_file(run.data.split)
    if not path.is_file():
        raise InputError(
            f"split file {str(path)!r} is not there, and without it nobody can say that no test "
            "image was learned from: copy it here, or run `bench run` once more, which writes it"
        )
    return Split.read_images(path, digest=run.data.split.hash)


def _may_be_stage(store: Store, unusable: Unusable, entry: StageRuns) -> bool:
    """Whether a run that cannot be used is of the model, loss and seed of some stages.

    Its folder may have been renamed, and its settings may be what is damaged.
    """
    names = (unusable.name, own_name(store.root / unusable.name) or "")
    return any(name.rpartition("-")[0] == entry.cell.name for name in names)


def _discard(store: Store, entry: StageRuns, system: System, *, spared: bool) -> None:
    """Delete a stored system of which a stage has since failed or gone, unless it is spared."""
    if spared:
        return
    any_run = next(iter(entry.runs.values()))  # all are on the same data and split
    folder = store.folder(entry.cell.as_cascade(system), any_run.data)
    shutil.rmtree(folder, ignore_errors=True)


def _store(store: Store, cell: Cell, reference: Run, truth: Predictions, routes: Routes) -> str:
    """Store one system's predictions, where they are not stored; returns its folder's name."""
    folder = store.folder(cell, reference.data)
    predictions = replace(truth, probabilities=routes.probabilities, called=routes.called)
    table = to_frame(predictions, reference.outputs, part="test").to_csv(index=False)
    stored = folder / PREDICTIONS
    with store.claim(folder, patience=PATIENCE) as claimed:
        if not claimed:
            raise InputError(
                f"another process has been storing {cell.label} for {PATIENCE} s: see whether it "
                "is stopped, and start again"
            )
        same = stored.is_file() and stored.read_text("utf-8") == table
        if not same or store.outcome(folder) is None:
            facts = Facts(
                experiment=store.experiment_of(reference.folder),
                data=reference.data,
                environment=reference.environment,
            )
            store.begin(folder, cell, facts)
            write_text(stored, table)
            store.end(folder, Outcome(state="finished"))
    return folder.name
