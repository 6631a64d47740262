"""Whether all that a folder of runs holds is whole, what each fault needs, and its repair.

Nothing is lost by a repair: what is damaged is moved to ``damaged/``, and only what can be made
again is removed (left-over checkpoints, files in the making, locks, kept scores).
"""

from __future__ import annotations

from bench.doctor.finding import Finding
from bench.doctor.leftovers import check_locks, check_partials, check_scores
from bench.doctor.records import check_database, check_records, check_splits
from bench.doctor.runs import check_runs
from bench.evaluate.scorer import Scorer
from bench.runs.store import Store

__all__ = ["Finding", "examine"]


def examine(store: Store, *, scorer: Scorer) -> tuple[int, list[Finding]]:
    """Read every file of a store, and find what is not as it should be; nothing is changed.

    The scorer knows the folder of kept scores. The number of whole runs comes with the findings.
    """
    survey, found = check_runs(store, within=store.root)
    for folder in sorted((store.tuning / "trials").glob("*/")):
        found += check_runs(Store(folder), within=store.root)[1]
    if store.external.root.is_dir():
        found += check_runs(store.external, within=store.root)[1]
    found += check_splits(store, survey.runs)
    found += check_records(store, survey.runs)
    found += check_database(store)
    found += check_scores([r for r in survey.runs if r.outcome.state == "finished"], scorer)
    found += check_partials(store)
    found += check_locks(store)
    return len(survey.runs), found
