"""Stored runs that make up a cascade."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.runs.cells import Cell
from bench.runs.run import Run

STAGES = ("m1", "m2", "m3", "m4")
FLAT = "findings14"
CASCADE_TASKS = (*STAGES, FLAT)


@dataclass(frozen=True, kw_only=True)
class StageRuns:
    """The runs of one network or control, with one seed, on one data set and split.

    Attributes:
        runs: by task, however they ended.
    """

    cell: Cell
    runs: dict[str, Run]

    def missing(self, tasks: Sequence[str]) -> str:
        """Why some tasks cannot be answered; "" where each has a finished run."""
        reasons = []
        for task in tasks:
            if task not in self.runs:
                reasons.append(f"{task} has no run that can be used")
            elif (outcome := self.runs[task].outcome).state == "failed":
                reasons.append(f"{task} failed ({' '.join(outcome.reason.split())})")
            elif outcome.state == "unavailable":
                reasons.append(f"{task} is not available ({outcome.reason})")
        return ", ".join(reasons)

    def unavailable(self, tasks: Sequence[str]) -> bool:
        """Whether nothing but a control that this data cannot have is missing."""
        states = [self.runs[task].outcome.state if task in self.runs else None for task in tasks]
        return all(state in ("finished", "unavailable") for state in states)


def find_reference(stages: Iterable[StageRuns]) -> Run | None:
    """A finished run of findings14, whose targets say what every test image shows."""
    runs = (entry.runs.get(FLAT) for entry in stages)
    return next((run for run in runs if run and run.outcome.state == "finished"), None)


def find_stages(runs: Iterable[Run]) -> list[list[StageRuns]]:
    """Group runs that differ in nothing but their task, by data and split.

    A test image of one split can be a training image of another, so that stages on different
    splits make up no cascade.

    Args:
        runs: those that ended; imports, earlier cascades and other tasks are passed over.
    """
    # By fingerprint of the data, hash and name of the split.
    sites: defaultdict[tuple[str, str, str], dict[tuple[str, int], StageRuns]] = defaultdict(dict)
    for run in runs:
        if run.data.task not in CASCADE_TASKS or run.cell.kind not in ("network", "control"):
            continue
        split = run.data.split
        key = (run.cell.without_task(), run.cell.seed)
        entry = sites[run.data.fingerprint, split.hash, split.name].setdefault(
            key, StageRuns(cell=run.cell, runs={})
        )
        entry.runs[run.data.task] = run
    return [list(entries.values()) for entries in sites.values()]
