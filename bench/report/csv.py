"""Results as one CSV."""

from __future__ import annotations

import pandas as pd

from bench.evaluate.results import Results


def csv(results: Results) -> str:
    """:attr:`Results.rows` as one CSV with full precision; undefined figures are empty.

    A row of a task that names findings is followed by one for each finding, which the column
    ``finding`` names; it has the figures of that finding against all images without it. Each
    tuning without a winner is a row with the state ``failed``, each run that has not ended one
    with the state ``interrupted`` or ``running``.
    """
    lines = pd.concat([results.rows, results.findings]).sort_index(kind="stable")
    failed = [
        {"kind": "network", "state": "failed"}
        | {name: getattr(tuning, name) for name in ("task", "model", "loss", "reason")}
        for tuning in results.failed_tunings
    ]
    unfinished = [
        {"state": "running" if run.running else "interrupted", "reason": run.name}
        for run in results.unfinished
    ]
    if others := [*failed, *unfinished]:
        lines = pd.concat([lines, pd.DataFrame(others)])
    return lines.to_csv(index=False, lineterminator="\n")
