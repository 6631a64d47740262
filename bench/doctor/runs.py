"""Faults of runs: damage, interruptions, and what a kill left beside a result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import torch

from bench.doctor.finding import Finding, set_aside
from bench.files import write_bytes
from bench.runs.checksums import (
    END,
    FORMER_END,
    HISTORY,
    IN_COMMON,
    SETTINGS,
    WEIGHTS,
    WholeRuns,
    find_changes,
)
from bench.runs.predictions import OTHERS, PREDICTIONS
from bench.runs.reading import kept_checksums, own_name
from bench.runs.records import Unusable
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store, Survey, cell_text, history_text
from bench.train.checkpoint import ASIDE, LAST, load, resumable
from bench.train.history import Validation

GO_ON = "the same command, started again, goes on from it"


def check_runs(store: Store, *, within: Path) -> tuple[Survey, list[Finding]]:
    """Survey a store of runs or trials, and what is wrong with it; paths begin at ``within``."""
    # Also what was found whole before: a file can rot without a new date.
    survey = store.survey(whole=WholeRuns())
    start = store.root.relative_to(within)
    found = [
        *(_of_unusable(store, each, start) for each in survey.unusable),
        *(_of_unfinished(store, each, start) for each in survey.unfinished if not each.running),
        *_of_remains(survey.runs, within),
        *_of_damaged_checkpoints(store, survey, within),
    ]
    return survey, found


def _of_unusable(store: Store, unusable: Unusable, start: Path) -> Finding:
    name, folder = str(start / unusable.name), store.root / unusable.name
    checksums = kept_checksums(folder)
    if unusable.state != "damaged":
        fault = f"written by another version of cxnet-bench ({unusable.reason})"
        return Finding(name=name, fault=fault, need="use that version; it is left as it is")
    if _has_other_name(folder) and checksums and not find_changes(folder, checksums):
        return Finding(
            name=name,
            fault=f"copied or renamed: {unusable.reason}",
            need="its files are whole: give the folder that name, or delete it if it is a copy",
        )
    return Finding(
        name=name,
        fault=f"damaged: {unusable.reason}",
        need="--repair restores it, or sets it aside for the same command to do it anew",
        mend=partial(if_free, store, folder, partial(_restore_or_set_aside, store, folder)),
    )


def _of_unfinished(store: Store, run: Unfinished, start: Path) -> Finding:
    folder = store.root / run.name
    need = GO_ON if not (folder / LAST).exists() or resumable(folder) else "it begins anew"
    return Finding(name=str(start / run.name), fault="it has not ended", need=need)


def _has_other_name(folder: Path) -> bool:
    return own_name(folder) not in (None, folder.name)


def _of_damaged_checkpoints(store: Store, survey: Survey, within: Path) -> Iterator[Finding]:
    """Find the checkpoints that a training could not go on from."""
    names = [
        *(run.name for run in survey.runs),
        *(run.name for run in survey.unfinished if not run.running),
    ]
    for folder in (store.root / name for name in names):
        path = folder / ASIDE
        if path.exists():
            yield Finding(
                name=str(path.relative_to(within)),
                fault="a damaged checkpoint; the training began anew without it",
                need="--repair moves it to damaged/",
                mend=partial(if_free, store, folder, partial(set_aside, store.root, path)),
            )


def _of_remains(runs: tuple[Run, ...], within: Path) -> Iterator[Finding]:
    for run in runs:
        path = run.folder / LAST
        # A failed run goes on from it.
        if run.outcome.state != "failed" and path.exists():
            yield Finding(
                name=str(path.relative_to(within)),
                fault="a checkpoint beside a finished run",
                need="--repair removes it",
                mend=partial(remove, path),
            )


def remove(path: Path) -> str:
    """Remove a file that nobody needs; for :attr:`Finding.mend`."""
    path.unlink(missing_ok=True)
    return "removed"


def if_free(store: Store, folder: Path, mend: Callable[[], str]) -> str:
    """Mend a run unless a process is at it, and say which; for :attr:`Finding.mend`."""
    with store.claim(folder) as claimed:
        return mend() if claimed else "left: a process is at it"


def _restore_or_set_aside(store: Store, folder: Path) -> str:
    checksums = kept_checksums(folder)
    restored = [
        name for name in find_changes(folder, checksums) if _restore(store, folder, name, checksums)
    ]
    if restored and isinstance(store.read(folder), Run):
        return f"restored {', '.join(restored)}"
    changed = {*find_changes(folder, checksums)}
    predictions_alone = bool(changed) and changed <= {PREDICTIONS, OTHERS}
    if predictions_alone and WEIGHTS in checksums and not _has_other_name(folder):
        return _leave_to_predict(store, folder)
    return set_aside(store.root, folder)


def _leave_to_predict(store: Store, folder: Path) -> str:
    """Make a run that lost its predictions alone one that predicts again, without training."""
    (folder / END).replace(folder / FORMER_END)
    for path in (folder / PREDICTIONS, folder / OTHERS):
        if path.exists():
            set_aside(store.root, path)
    return "its weights are whole: `bench run` predicts again, without training"


def _restore(store: Store, folder: Path, name: str, checksums: Mapping[str, str]) -> bool:
    """Write a lost file of a run again, where its very content is found elsewhere."""
    if name == HISTORY:
        candidates = _history_of_checkpoint(folder)
    elif name == SETTINGS:
        candidates = _settings_of_other_seeds(store, folder)
    else:
        others = store.root.glob(f"*/{name}") if name in IN_COMMON else ()
        candidates = (path.read_bytes() for path in others)
    for content in candidates:
        if hashlib.sha256(content).hexdigest() == checksums[name]:
            write_bytes(folder / name, content)
            return True
    return False


def _history_of_checkpoint(folder: Path) -> Iterator[bytes]:
    """The history of a checkpoint that is left."""
    if resumable(folder):
        state = load(folder / LAST, device=torch.device("cpu")) or {}
        yield history_text(Validation(**entry) for entry in state["history"]).encode()


def _settings_of_other_seeds(store: Store, folder: Path) -> Iterator[bytes]:
    """The settings of each other run, with the seed that the name of a run's folder has."""
    for run in store.runs():
        if seed := re.search(r"-s(\d+)-", folder.name):
            yield cell_text(run.cell.model_copy(update={"seed": int(seed[1])})).encode()
