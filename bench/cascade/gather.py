"""Which stored runs make up which cascade."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain

from bench.data.description import DataRecord
from bench.errors import InputError
from bench.registry import near_matches
from bench.runs.cells import Cell
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store

STAGES = ("m1", "m2", "m3", "m4")
FLAT = "findings14"
CASCADE_TASKS = (*STAGES, FLAT)

_Ground = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One model with one loss under one choice of settings, or one control.

    Attributes:
        cell: of one of its runs, less the task.
        by_seed: its runs by seed and task, whatever became of them.
    """

    cell: Cell
    by_seed: dict[int, dict[str, Run]] = field(default_factory=dict)

    def runs(self) -> Iterator[Run]:
        """All of its runs."""
        return chain.from_iterable(runs.values() for runs in self.by_seed.values())


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One data set at one image size with one split, and all that was run on it.

    Attributes:
        data: description of it, by a task that asks about every image where one was run.
        entrants: in the order of their first runs.
    """

    data: DataRecord
    entrants: tuple[Entrant, ...]

    def runs(self) -> Iterator[Run]:
        """The runs of all entrants."""
        return chain.from_iterable(entrant.runs() for entrant in self.entrants)

    def first_finished(self) -> dict[str, Run]:
        """For each task one finished run, if there is one."""
        found: dict[str, Run] = {}
        for run in self.runs():
            if run.outcome.state == "finished":
                found.setdefault(run.data.task, run)
        return found


def runs_of(names: Collection[str], store: Store) -> tuple[list[Run], list[Unfinished]]:
    """The runs of some folders: those that ended, and the others.

    Args:
        names: of the folders (:attr:`bench.execute.Summary.runs`).
        store: where they are.
    """
    return (
        [run for run in store.runs() if run.folder.name in names],
        [run for run in store.unfinished() if run.name in names],
    )


def narrow(
    runs: Iterable[Run],
    *,
    models: Sequence[str] = (),
    losses: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> list[Run]:
    """The runs of some networks, and of all controls.

    Args:
        runs: to choose from.
        models: names and shell patterns; none means all.
        losses: names; none means all.
        seeds: none means all.

    Raises:
        InputError: one of them fits no network among the runs.
    """
    kept = list(runs)
    criteria: tuple[tuple[str, Sequence[object], Callable[[Cell], object]], ...] = (
        ("model", models, lambda cell: cell.model),
        ("loss", losses, lambda cell: cell.loss),
        ("seed", seeds, lambda cell: cell.seed),
    )
    for what, wanted, of in criteria:
        there = sorted({str(of(run.cell)) for run in kept if run.cell.kind == "network"})
        fitting: set[str] = set()
        for one in map(str, wanted):
            if not (found := [name for name in there if fnmatchcase(name, one)]):
                raise InputError(f"no finished run of {what} {one!r}: {near_matches(one, there)}")
            fitting.update(found)
        if wanted:
            kept = [
                run for run in kept if run.cell.kind == "control" or str(of(run.cell)) in fitting
            ]
    return kept


def gather(runs: Iterable[Run]) -> list[Ground]:
    """Put runs together that differ in nothing but their task and seed.

    Args:
        runs: those that ended; those of other tasks than :data:`CASCADE_TASKS` are passed over,
            and imported predictions, which are answers to one task.

    Raises:
        InputError: the four stages of a cascade are there, but on different data or splits.
    """
    entrants: defaultdict[_Ground, dict[str, Entrant]] = defaultdict(dict)
    for run in runs:
        task = run.data.task
        if task not in CASCADE_TASKS or run.cell.kind == "imported":
            continue
        key = _entrant_key(run.cell)
        entrant = entrants[_ground_key(run.data)].setdefault(
            key, Entrant(cell=_without_task(run.cell))
        )
        entrant.by_seed.setdefault(run.cell.seed, {})[task] = run
    _refuse_mixed(entrants)
    return [
        Ground(data=_widest(found.values()), entrants=tuple(found.values()))
        for found in entrants.values()
    ]


def _widest(entrants: Iterable[Entrant]) -> DataRecord:
    """The description of the data by a task that asks about every image, if there is one."""
    described = [run.data for entrant in entrants for run in entrant.runs()]
    return next((data for data in described if data.task in (FLAT, "m1")), described[0])


def _ground_key(data: DataRecord) -> _Ground:
    # Two splits can have the same parts, and yet claim different things of them.
    return data.fingerprint, data.split.hash, data.split.name


def _without_task(cell: Cell) -> Cell:
    settings = {key: value for key, value in cell.settings.items() if key != "task"}
    return replace(cell, settings=settings)


def _entrant_key(cell: Cell) -> str:
    plain = _without_task(cell)
    return json.dumps([plain.kind, plain.model, plain.loss, plain.settings], sort_keys=True)


def _refuse_mixed(entrants: Mapping[_Ground, Mapping[str, Entrant]]) -> None:
    """A cascade whose stages rest on different data is no cascade: say so, and not "missing"."""
    places: defaultdict[tuple[str, int], dict[_Ground, dict[str, Run]]] = defaultdict(dict)
    for ground, found in entrants.items():
        for key, entrant in found.items():
            for seed, runs in entrant.by_seed.items():
                places[key, seed][ground] = runs
    for by_ground in places.values():
        complete = any(runs.keys() >= set(STAGES) for runs in by_ground.values())
        together = {task for runs in by_ground.values() for task in runs}
        if not complete and together >= set(STAGES):
            raise InputError(_difference(by_ground))


def _difference(by_ground: Mapping[_Ground, Mapping[str, Run]]) -> str:
    what = "data" if len({fingerprint for fingerprint, *_ in by_ground}) > 1 else "splits"
    stages = sorted(
        f"{', '.join(task for task in STAGES if task in runs)} on data {fingerprint[:12]}, split "
        f"{name} {digest[:12]}"
        for (fingerprint, digest, name), runs in by_ground.items()
        if runs.keys() & set(STAGES)
    )
    label = next(run for runs in by_ground.values() for run in runs.values()).cell.label
    return (
        f"the stages of {label} were run on different {what}, so that a test image of one can be "
        f"a training image of another ({'; '.join(stages)}): run all four on the same"
    )
