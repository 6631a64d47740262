"""State of the work on a folder of runs, which can be read while other processes train."""

from __future__ import annotations

from dataclasses import dataclass

from bench.runs.records import Unusable
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store
from bench.tracking.heartbeat import Beat, read_beats


@dataclass(frozen=True, kw_only=True)
class Status:
    """Runs of a folder by their state, and the processes at work."""

    at_work: tuple[Beat, ...]  # the last word of each process
    ended: tuple[Run, ...]  # runs that finished, and controls that the data cannot have
    failed: tuple[Run, ...]
    unfinished: tuple[Unfinished, ...]
    not_begun: tuple[str, ...]  # names of runs that an experiment has and that did not begin
    unusable: tuple[Unusable, ...]
    unusable_records: tuple[Unusable, ...]  # records of experiments and tunings that are

    @property
    def running(self) -> int:
        """Number of runs that a process is at."""
        return sum(run.running for run in self.unfinished)

    def __str__(self) -> str:
        """``24 runs: 20 ended, 1 failed, 2 running, 1 interrupted, 5 not begun``."""
        counts = {
            "ended": len(self.ended),
            "failed": len(self.failed),
            "running": self.running,
            "interrupted": len(self.unfinished) - self.running,
            "not begun": len(self.not_begun),
            "unusable": len(self.unusable),
        }
        listed = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        return f"{sum(counts.values())} runs: {listed or 'none has begun'}"


def read_status(store: Store) -> Status:
    """The state of a folder of runs."""
    survey = store.survey()
    named = [name for record in store.experiments() for name in record.runs]
    begun = {run.name for run in survey.runs}
    begun |= {run.name for run in survey.unfinished} | {run.name for run in survey.unusable}
    ended, failed = (
        tuple(run for run in survey.runs if (run.outcome.state == "failed") is has_failed)
        for has_failed in (False, True)
    )
    return Status(
        at_work=tuple(read_beats(store.root)),
        ended=ended,
        failed=failed,
        unfinished=survey.unfinished,
        not_begun=tuple(name for name in dict.fromkeys(named) if name not in begun),
        unusable=survey.unusable,
        unusable_records=tuple(store.unusable_records()),
    )
