"""Results as JSON, for programs: a dump of :class:`bench.evaluate.results.Results`.

One object: ``version`` (raised when a key is renamed, removed or means something else), ``level``
(confidence of all intervals, 0.95), and the attributes of ``Results`` by their names. So a table
has those of :class:`bench.evaluate.results.Table`, and besides ``title`` and ``measures`` (name:
column head; the first sorts the rows, and models are compared by it) and ``card`` (its verdict,
reason and caveats in sentences); a row those of ``Row``, and
besides ``name`` and ``state``; a run ``name``, ``seed``, ``settings``, ``imported`` and
``confusion``. Of images that were left out of the data, ``skipped`` has the number of each kind,
and ``skipped_images`` the names, where they were asked for. Of a question the typed answer is
given, and ``conclusions`` and ``caveats`` in sentences. Numbers that are not defined, or not
finite, are null.
"""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from bench.evaluate.estimate import LEVEL
from bench.evaluate.measures import column_heads
from bench.evaluate.question_result import QuestionResult
from bench.evaluate.results import Results, Row, ScoredRun, Table
from bench.report.facts import title
from bench.report.questions import caveats, conclusions
from bench.report.verdict import verdict_text

VERSION = 3


def json(results: Results, *, image_names: bool = False) -> str:
    """The results as one JSON object, in the form that the module's docstring says."""
    content = {"version": VERSION, "level": LEVEL} | _plain(results)
    records = [table["data"] for table in content["tables"]]
    for record in [*records, *(data for each in content["questions"] for data in each["data"])]:
        if image_names:
            record["skipped_images"] = record["skipped"]
        record["skipped"] = {kind: len(images) for kind, images in record["skipped"].items()}
    return json_module.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """JSON values: records as objects, arrays as lists, what is not finite as null."""
    if isinstance(value, ScoredRun):
        return _run(value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return own | _more(value)
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _run(scored: ScoredRun) -> dict[str, Any]:
    return {
        "name": scored.name,
        "seed": scored.seed,
        "settings": _plain(scored.cell.settings),
        "imported": _plain(scored.imported),
        "confusion": _plain(scored.confusion),
    }


def _more(value: object) -> dict[str, Any]:
    """Entries of a record beyond its attributes."""
    if isinstance(value, Table):
        # The reference is among the rows, where it is marked.
        found = value.reference is not None
        return {
            "title": title(value),
            "measures": column_heads(value.outputs),
            "reference": found,
            "card": vars(verdict_text(value)),
        }
    if isinstance(value, Row):
        return {"name": value.name, "state": value.state}
    if isinstance(value, QuestionResult) and not value.problem:
        return {"conclusions": conclusions(value), "caveats": caveats(value)}
    return {}
