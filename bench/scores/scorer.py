"""Scores of many runs, each worked out once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.predictions import PREDICTIONS
from bench.runs import Run
from bench.scores.run_scores import Curves, RunScores
from bench.scores.score import score_run
from bench.stats import Estimate, Interval, Resampling

# Part of every kept file's name: raised when a figure is computed otherwise.
VERSION = 1


class Scorer:
    """Scores runs, with one resampling of the patients for all of them.

    Args:
        resampling: of patients and seeds.
        kept: folder in which scores are kept between commands; None keeps them in memory alone.
    """

    def __init__(self, resampling: Resampling | None = None, *, kept: Path | None = None) -> None:
        self.resampling = resampling or Resampling()
        self._kept = kept
        self._scored: dict[str, RunScores] = {}

    def score(self, run: Run) -> RunScores:
        """All figures of a run that finished.

        Raises:
            InputError: its predictions are gone or damaged.
        """
        name = self._name(run)
        if name not in self._scored:
            self._scored[name] = self._read(name) or self._keep(name, run)
        return self._scored[name]

    def has(self, run: Run) -> bool:
        """Whether a run's scores are at hand, so that asking for them costs nothing."""
        name = self._name(run)
        return name in self._scored or (self._kept is not None and (self._kept / name).is_file())

    def _name(self, run: Run) -> str:
        """By the predictions' size and times and not their content, which is long to read."""
        path = run.folder / PREDICTIONS
        stamp = ""
        with suppress(OSError):  # that they are gone is said where they are read
            status = path.stat()
            stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        content = [
            VERSION,
            self.resampling.resamples,
            self.resampling.seed,
            run.folder.name,
            str(run.folder.resolve()),
            stamp,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32] + ".npz"

    def _read(self, name: str) -> RunScores | None:
        """None where they are not kept, or not whole: they are worked out again."""
        if self._kept is None:
            return None
        try:
            with (self._kept / name).open("rb") as raw, np.load(raw) as file:
                return _unpacked(file["text"].item(), file["draws"], file["points"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def _keep(self, name: str, run: Run) -> RunScores:
        scores = score_run(run, self.resampling)
        if self._kept is not None:
            text, draws, points = _packed(scores)
            # A cache that cannot be written is no reason to fail.
            with suppress(OSError):
                self._kept.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile(
                    dir=self._kept, suffix=".partial", delete=False
                ) as f:
                    np.savez(f, text=np.array(text), draws=draws, points=points)
                Path(f.name).replace(self._kept / name)
        return scores


def _packed(scores: RunScores) -> tuple[str, Any, Any]:
    """Three arrays: a file with one for each figure would take long to open."""
    lists = [array for c in scores.curves.values() for array in vars(c).values()]
    points = np.concatenate([array.ravel() for array in lists]) if lists else np.empty(0)
    text = {
        "figures": {
            name: {"value": one.value, "bounds": one.bounds, "reason": one.reason}
            for name, one in scores.figures.items()
        },
        "findings": {
            finding: {name: asdict(one) for name, one in by_name.items()}
            for finding, by_name in scores.findings.items()
        },
        "curves": {
            name: {key: array.shape for key, array in vars(curves).items()}
            for name, curves in scores.curves.items()
        },
        "macro_over": scores.macro_over,
        "confusion": scores.confusion.tolist(),
        "images": scores.images,
        "count": scores.count,
        "one_each": scores.one_each,
    }
    return json.dumps(text), np.stack([one.draws for one in scores.figures.values()]), points


def _unpacked(text: str, draws: Any, points: Any) -> RunScores:
    content = json.loads(text)
    curves = {}
    start = 0
    for name, shapes in content["curves"].items():
        arrays = {}
        for key, shape in shapes.items():
            size = int(np.prod(shape))
            arrays[key] = points[start : start + size].reshape(shape)
            start += size
        curves[name] = Curves(**arrays)
    return RunScores(
        figures={
            name: Estimate(
                value=one["value"],
                draws=draws[place],
                bounds=(one["bounds"][0], one["bounds"][1]),
                reason=one["reason"],
            )
            for place, (name, one) in enumerate(content["figures"].items())
        },
        findings={
            finding: {name: Interval(**one) for name, one in by_name.items()}
            for finding, by_name in content["findings"].items()
        },
        macro_over=content["macro_over"],
        curves=curves,
        confusion=np.array(content["confusion"], np.int64),
        images=content["images"],
        count=content["count"],
        one_each=content["one_each"],
    )
