"""Scores of many runs, each computed once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bench.cache import cache_dir
from bench.evaluate.auc import Auc
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.curves import Curves
from bench.evaluate.ensemble import mean_predictions
from bench.evaluate.estimate import Estimate
from bench.evaluate.score import LeadingScore, RunScores, auc_of, score_predictions
from bench.files import write_bytes
from bench.runs.predictions import PREDICTIONS
from bench.runs.run import Run

# Part of every kept file's name: raised when a figure is computed otherwise. So are the fields of
# what is kept, for which it need not be raised.
VERSION = 7
K = TypeVar("K", RunScores, Auc)
KEPT = (RunScores, LeadingScore, Estimate, Auc, Curves)
FIELDS = [field.name for kept in KEPT for field in fields(kept)]
ALLOWED = {(kept.__module__, kept.__qualname__) for kept in KEPT} | {
    (f"numpy{module}", name)
    for module in (
        *("", ".core.multiarray", ".core.numeric"),
        *("._core.multiarray", "._core.numeric"),  # numpy 2
    )
    for name in ("ndarray", "dtype", "scalar", "_reconstruct", "_frombuffer")
}
"""Names that a file of kept scores may call, by module: our records, and arrays."""


class _Unpickler(pickle.Unpickler):
    """Reads records and arrays alone: no other name is looked up, so that no code is run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is none of the kept records")
        return super().find_class(module, name)


class Scorer:
    """Scores runs, with one resampling of the patients for all of them.

    Args:
        kept: folder in which scores are kept between commands; None keeps none.
    """

    def __init__(self, resampling: Resampling | None = None, *, kept: Path | None = None) -> None:
        self.resampling = resampling or Resampling()
        self._kept = kept
        self._leading: dict[tuple[Path, str | None], LeadingScore] = {}

    @classmethod
    def with_cache(cls) -> Scorer:
        """A scorer that keeps scores in the user's cache folder."""
        return cls(kept=cache_dir() / "scores")

    def score(self, run: Run) -> RunScores:
        """All figures of a run that finished: some megabytes of resamples, to be read and dropped.

        Raises:
            InputError: its predictions are gone or damaged.
        """
        name = self._name(run)
        scores = self._read(name, RunScores)
        if scores is None:
            found = score_predictions(run.predictions(), run.outputs, self.resampling)
            scores = self._keep(name, found)
        self._leading[_identity(run)] = scores.leading
        return scores

    def leading(self, run: Run) -> LeadingScore:
        """Figures that a finished run is compared by; a run is scored once for them."""
        known = self._leading.get(_identity(run))
        return self.score(run).leading if known is None else known

    def score_mean(self, runs: Sequence[Run]) -> RunScores:
        """All figures of the mean prediction of some runs, which differ in their seeds alone."""
        name = self._name(*runs)
        scores = self._read(name, RunScores)
        if scores is None:
            mean, outputs = mean_predictions(runs), runs[0].outputs
            scores = self._keep(name, score_predictions(mean, outputs, self.resampling))
        return scores

    def auc_of_mean(self, runs: Sequence[Run]) -> Auc:
        """The leading figure of the mean prediction of some runs on the test part."""
        name = self._name(*runs, what="auc of mean")
        auc = self._read(name, Auc)
        if auc is None:
            auc = self._keep(name, auc_of(mean_predictions(runs)["test"], runs[0].outputs))
        return auc

    def damaged_file(self, run: Run) -> Path | None:
        """The file of a run's kept scores, where it is there and cannot be read."""
        name = self._name(run)
        if self._kept is None or self._read(name, RunScores) or not (self._kept / name).is_file():
            return None
        return self._kept / name

    def _name(self, *runs: Run, what: str = "") -> str:
        """File name of what is kept of some runs, from the size and times of predictions."""
        content: list[object] = [VERSION, FIELDS, self.resampling.count, self.resampling.seed]
        for run in runs:
            stamp: list[int] = []
            with suppress(OSError):  # that they are gone is said where they are read
                status = (run.folder / PREDICTIONS).stat()
                stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
            content += [str(run.folder.resolve()), stamp]
        content += [what] * bool(what)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32] + ".pickle"

    def _read(self, name: str, kept: type[K]) -> K | None:
        """The kept scores; None where there are none, or damaged ones: they are computed again."""
        if self._kept is None:
            return None
        try:
            scores = _Unpickler(io.BytesIO((self._kept / name).read_bytes())).load()
        except Exception:  # a damaged pickle can raise any
            return None
        return scores if isinstance(scores, kept) else None

    def _keep(self, name: str, scores: K) -> K:
        if self._kept is not None:
            # A cache that cannot be written is no reason to fail.
            with suppress(OSError):
                self._kept.mkdir(parents=True, exist_ok=True)
                write_bytes(self._kept / name, pickle.dumps(scores))
        return scores


def _identity(run: Run) -> tuple[Path, str | None]:
    """Identity of a run's predictions, without a look at the disk."""
    return run.folder, run.checksums.get(PREDICTIONS)
