"""Results as one CSV."""

from __future__ import annotations

import pandas as pd

from bench.evaluate.results import Results


def csv(results: Results) -> str:
    """:attr:`Results.rows` as one CSV with full precision; undefined figures are empty.

    A row of a task that names findings is followed by one for each finding, which the column
    ``finding`` names; it has the figures of that finding against all images without it. Lines of
    the kind ``ensemble`` (:attr:`Results.ensembles`), ``external`` and ``external ensemble``
    (:attr:`Results.external_rows`) follow. Each
    tuning without a winner is a row with the state ``failed``, each run that has not ended one
    with the state ``interrupted`` or ``running``, each run that cannot be used one with the state
    ``damaged`` or ``another version``.
    """
    lines = pd.concat([results.rows, results.findings]).sort_index(kind="stable")
    more = [frame for frame in (results.ensembles, results.external_rows) if len(frame)]
    lines = pd.concat([lines, *more]) if more else lines
    failed = [
        {"kind": "network", "state": "failed"}
        | {name: getattr(tuning, name) for name in ("task", "model", "loss", "reason")}
        for tuning in results.failed_tunings
    ]
    unfinished = [
        {"state": "running" if run.running else "interrupted", "reason": run.name}
        for run in results.unfinished
    ]
    unusable = [
        {"state": each.state, "reason": f"{each.name}: {each.reason}"} for each in results.unusable
    ]
    if others := [*failed, *unfinished, *unusable]:
        lines = pd.concat([lines, pd.DataFrame(others)])
    return lines.to_csv(index=False, lineterminator="\n")
