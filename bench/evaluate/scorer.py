"""Scores of many runs, each worked out once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate
from bench.evaluate.run_scores import Curves, Placements, RunScores
from bench.evaluate.score import score_run
from bench.runs.predictions import PREDICTIONS
from bench.runs.run import Run

# Part of every kept file's name: raised when a figure is computed otherwise.
VERSION = 2


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
                return _unpacked({name: file[name] for name in file.files})
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def _keep(self, name: str, run: Run) -> RunScores:
        scores = score_run(run, self.resampling)
        if self._kept is not None:
            # A cache that cannot be written is no reason to fail.
            with suppress(OSError):
                self._kept.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=self._kept, prefix=".") as partial:
                    np.savez(Path(partial) / name, **_packed(scores))
                    (Path(partial) / name).replace(self._kept / name)
        return scores


def _packed(scores: RunScores) -> dict[str, Any]:
    """A few arrays: a file with one for each figure would take long to open."""
    curves = [array.ravel() for one in scores.curves.values() for array in vars(one).values()]
    of_findings = [one for by_name in scores.findings.values() for one in by_name.values()]
    text = {
        "figures": {name: _about(one) for name, one in scores.figures.items()},
        "findings": {
            finding: {name: _about(one) for name, one in by_name.items()}
            for finding, by_name in scores.findings.items()
        },
        "curves": {
            name: {key: array.shape for key, array in vars(one).items()}
            for name, one in scores.curves.items()
        },
        "macro_over": scores.macro_over,
        "confusion": scores.confusion.tolist(),
        "images": scores.images,
        "count": scores.count,
    }
    return {
        "text": np.array(json.dumps(text)),
        "draws": np.stack([one.draws for one in scores.figures.values()]),
        # Fourteen findings have ten times as many: half the digits are enough for an interval.
        "finding_draws": np.array([one.draws for one in of_findings], np.float32),
        "curves": np.concatenate(curves) if curves else np.empty(0),
        **(vars(scores.placements) if scores.placements else {}),
    }


def _about(estimate: Estimate) -> dict[str, Any]:
    """All but its draws."""
    return {name: value for name, value in vars(estimate).items() if name != "draws"}


def _estimate(about: dict[str, Any], draws: NDArray[Any]) -> Estimate:
    low, high = about["bounds"]
    return Estimate(**about | {"bounds": (low, high)}, draws=draws)


def _unpacked(kept: dict[str, NDArray[Any]]) -> RunScores:
    content = json.loads(kept["text"].item())
    curves = {}
    start = 0
    for name, shapes in content["curves"].items():
        arrays = {}
        for key, shape in shapes.items():
            size = int(np.prod(shape))
            arrays[key] = kept["curves"][start : start + size].reshape(shape)
            start += size
        curves[name] = Curves(**arrays)
    of_findings = iter(kept["finding_draws"])
    return RunScores(
        figures={
            name: _estimate(about, draws)
            for (name, about), draws in zip(content["figures"].items(), kept["draws"], strict=True)
        },
        findings={
            finding: {name: _estimate(about, next(of_findings)) for name, about in by_name.items()}
            for finding, by_name in content["findings"].items()
        },
        macro_over=content["macro_over"],
        curves=curves,
        confusion=np.array(content["confusion"], np.int64),
        images=content["images"],
        count=content["count"],
        placements=Placements(**{name: kept[name] for name in ("values", "positive", "groups")})
        if "values" in kept
        else None,
    )
