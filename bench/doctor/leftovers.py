"""Files that nobody needs: in the making, locks of nothing, kept scores that are damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.doctor.finding import Finding
from bench.doctor.runs import if_free, remove
from bench.evaluate.scorer import Scorer
from bench.runs.aside import ASIDE
from bench.runs.checksums import SETTINGS
from bench.runs.run import Run
from bench.runs.store import LOCKS, Store
from bench.tuning.trials import WORKER


def check_partials(store: Store) -> Iterator[Finding]:
    """Find the files that a killed process was writing."""
    busy = [path.stem for path in store.root.rglob(f"{LOCKS}/*.lock") if _is_held(path)]
    for path in sorted(store.root.rglob("*.partial")):
        name, of_run = path.relative_to(store.root), (path.parent / SETTINGS).exists()
        # Outside the runs nobody knows whose it is: it stays while any process is at work.
        if name.parts[0] not in ASIDE and not (path.parent.name in busy if of_run else busy):
            yield Finding(
                name=str(name),
                fault="a killed process was writing it",
                need="--repair removes it",
                mend=partial(remove, path),
            )


def check_locks(store: Store) -> Iterator[Finding]:
    """Find the locks that no process holds, of runs that are not there."""
    for path in sorted(store.root.rglob(f"{LOCKS}/*.lock")):
        root = path.parent.parent
        # A tuning leaves a lock of each worker, and a run that was set aside has one here.
        known = any(
            (folder / path.stem).exists() for folder in (root, *(root / name for name in ASIDE))
        )
        if not known and not path.stem.startswith(WORKER) and not _is_held(path):
            yield Finding(
                name=str(path.relative_to(store.root)),
                fault="a lock that nobody holds, of a run that is not there",
                need="--repair removes it",
                mend=partial(if_free, Store(root), root / path.stem, partial(remove, path)),
            )


def check_scores(runs: Sequence[Run], scorer: Scorer) -> Iterator[Finding]:
    """Find kept scores that cannot be read."""
    for run in runs:
        path = scorer.damaged_file(run)
        if path is not None:
            yield Finding(
                name=str(path),
                fault=f"the kept scores of {run.name} are damaged",
                need="--repair removes them; the next report computes them again",
                mend=partial(remove, path),
            )


def _is_held(lock: Path) -> bool:
    root = lock.parent.parent
    return bool(Store(root).is_held(root / lock.stem))
