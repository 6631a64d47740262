"""A stored run as plain values, for people."""

from __future__ import annotations

from typing import Any

from bench.runs.run import Run


def describe_run(run: Run) -> dict[str, Any]:
    """Facts of a run, of JSON's types, in reading order.

    Its settings by dotted key, data, environments, outcome and files with their sizes in bytes.
    """
    cell, data = run.cell, run.data
    facts: dict[str, Any] = {
        "run": run.folder.name,
        "kind": cell.kind,
        "model": cell.model,
        "loss": cell.loss,
        "seed": cell.seed,
        "state": run.outcome.state,
        "reason": run.outcome.reason,
        "settings": cell.dotted,
        "data": {
            "source": data.source,
            "task": data.task,
            "question": data.question,
            "classes": list(data.classes),
            "image_size": data.image_size,
            "split": data.split.model_dump(),
            "parts": {name: part.model_dump() for name, part in data.parts.items()},
            "fingerprint": data.fingerprint,
        },
        "attempts": [attempt.model_dump() for attempt in run.attempts],
        "costs": run.outcome.costs.model_dump() if run.outcome.costs else None,
        "imported": run.imported.model_dump() if run.imported else None,
        "external": run.external.model_dump(mode="json") if run.external else None,
        "files": {name: (run.folder / name).stat().st_size for name in run.checksums},
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}
