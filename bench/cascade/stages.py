"""Which stored runs make up which cascade."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.errors import InputError
from bench.registry import near_matches
from bench.runs.cells import Cell
from bench.runs.run import Run

STAGES = ("m1", "m2", "m3", "m4")
FLAT = "findings14"
CASCADE_TASKS = (*STAGES, FLAT)

_Data = tuple[str, str, str]  # fingerprint, hash and name of the split


@dataclass(frozen=True, kw_only=True)
class StageRuns:
    """The runs of one network or control, with one seed, on one data set and split.

    Attributes:
        cell: of one of them, less its task.
        runs: by task, however they ended.
    """

    cell: Cell
    runs: dict[str, Run]

    def missing(self, tasks: Sequence[str]) -> str:
        """Why some tasks cannot be answered; "" where each has a finished run."""
        reasons = []
        for task in tasks:
            if task not in self.runs:
                reasons.append(f"{task} has no run that ended")
            elif (outcome := self.runs[task].outcome).state == "failed":
                reasons.append(f"{task} failed ({' '.join(outcome.reason.split())})")
            elif outcome.state == "unavailable":
                reasons.append(f"{task} is not available ({outcome.reason})")
        return ", ".join(reasons)

    def unavailable(self, tasks: Sequence[str]) -> bool:
        """Whether nothing but a control that this data cannot have is missing."""
        states = [self.runs[task].outcome.state if task in self.runs else None for task in tasks]
        return all(state in ("finished", "unavailable") for state in states)


@dataclass(frozen=True, kw_only=True)
class Site:
    """One data set at one image size with one split, and what was run on it.

    Attributes:
        stages: one for each network or control and seed, in the order of their first runs.
    """

    stages: tuple[StageRuns, ...]

    def flat_run(self) -> Run | None:
        """A finished run of findings14, whose targets say what every test image shows."""
        runs = (entry.runs.get(FLAT) for entry in self.stages)
        return next((run for run in runs if run and run.outcome.state == "finished"), None)


def find_stages(runs: Iterable[Run]) -> list[Site]:
    """Group runs that differ in nothing but their task.

    Args:
        runs: those that ended; imports, earlier cascades and other tasks are passed over.

    Raises:
        InputError: the four stages of a cascade are there, but on different data or splits.
    """
    sites: defaultdict[_Data, dict[tuple[str, int], StageRuns]] = defaultdict(dict)
    for run in runs:
        if run.data.task not in CASCADE_TASKS or run.cell.kind not in ("network", "control"):
            continue
        split = run.data.split
        key = (run.cell.without_task(), run.cell.seed)
        entry = sites[run.data.fingerprint, split.hash, split.name].setdefault(
            key, StageRuns(cell=run.cell, runs={})
        )
        entry.runs[run.data.task] = run
    _refuse_mixed(sites)
    return [Site(stages=tuple(entries.values())) for entries in sites.values()]


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
    for name, patterns, value_of in criteria:
        known = sorted({str(value_of(run.cell)) for run in kept if run.cell.kind == "network"})
        chosen: set[str] = set()
        for pattern in map(str, patterns):
            matches = [value for value in known if fnmatchcase(value, pattern)]
            if not matches:
                hint = near_matches(pattern, known)
                raise InputError(f"no finished run of {name} {pattern!r}: {hint}")
            chosen.update(matches)
        if patterns:
            kept = [
                run
                for run in kept
                if run.cell.kind == "control" or str(value_of(run.cell)) in chosen
            ]
    return kept


def _refuse_mixed(sites: Mapping[_Data, Mapping[tuple[str, int], StageRuns]]) -> None:
    """A cascade whose stages rest on different data is no cascade: say so, and not "missing"."""
    by_key: defaultdict[tuple[str, int], dict[_Data, StageRuns]] = defaultdict(dict)
    for data, entries in sites.items():
        for key, entry in entries.items():
            by_key[key][data] = entry
    for by_data in by_key.values():
        complete = any(entry.runs.keys() >= set(STAGES) for entry in by_data.values())
        together = {task for entry in by_data.values() for task in entry.runs}
        if not complete and together >= set(STAGES):
            raise InputError(_mixed(by_data))


def _mixed(by_data: Mapping[_Data, StageRuns]) -> str:
    kind = "data" if len({fingerprint for fingerprint, *_ in by_data}) > 1 else "splits"
    stages = sorted(
        f"{', '.join(task for task in STAGES if task in entry.runs)} on data {fingerprint[:12]}, "
        f"split {name} {digest[:12]}"
        for (fingerprint, digest, name), entry in by_data.items()
        if entry.runs.keys() & set(STAGES)
    )
    label = next(iter(by_data.values())).cell.label
    return (
        f"the stages of {label} were run on different {kind}, so that a test image of one can be "
        f"a training image of another ({'; '.join(stages)}): run all four on the same"
    )
