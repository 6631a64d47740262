"""The studies of a storage, read for people: some lines and three pictures each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from bench.errors import InputError
from bench.events import settings_text
from bench.runs.store import Store
from bench.tuning.storage import default_url, opened, shown, sqlite_file
from bench.tuning.study import ABOUT, is_dead, trial_store
from bench.tuning.trials import RETRIES, spent, unfinished, winner

COLUMNS = 100


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study of ``bench tune`` in its storage.

    Attributes:
        study: Optuna's.
        about: experiment, task, model, loss and budget.
        trials: all of them.
        store: of the trials that this ``--out`` holds.
    """

    study: optuna.Study
    about: dict[str, Any]
    trials: list[FrozenTrial]
    store: Store


@contextmanager
def stored_studies(
    store: Store, url: str | None, *, models: Sequence[str] = (), losses: Sequence[str] = ()
) -> Iterator[list[StoredStudy]]:
    """The studies of ``bench tune`` in a storage, by name.

    Args:
        store: of the runs.
        url: of the database; None is the file beside the trials.
        models, losses: only studies of those; none means all.

    Raises:
        InputError: the storage cannot be used, or holds none of them.
    """
    address = url or default_url(store)
    file = sqlite_file(address)
    if file is not None and not file.exists():
        raise InputError(
            f"no tuning in {str(store.root)!r}: run `bench tune` first, or give --out or --storage"
            if url is None
            else f"storage {shown(url)}: there is no such file: check --storage"
        )
    with opened(address, lock=None) as storage:
        found = [
            stored
            for stored in _read(storage, store)
            if (not models or stored.about["model"] in models)
            and (not losses or stored.about["loss"] in losses)
        ]
        if not found:
            wanted = " ".join((*models, *losses))
            raise InputError(
                f"no tuning{f' of {wanted}' if wanted else ''} in storage {shown(address)}: "
                + (
                    "`bench tunings` without a model lists what is there"
                    if wanted
                    else "run `bench tune` first, or give another --storage"
                )
            )
        yield found


def described(stored: StoredStudy) -> str:
    """A study in lines: name and budget, trials, what was spent so far, the best trial."""
    trials = stored.trials
    total, best = spent(trials), winner(trials)
    retried = sum(RETRIES in trial.user_attrs for trial in trials)
    ((unit, amount),) = stored.about["budget"].items()
    lines = [
        f"trials: {total.trials:,} ended ({total.finished:,} finished, {total.pruned:,} pruned, "
        f"{total.failed:,} failed)" + (f", {retried:,} interrupted and retried" if retried else ""),
        *_unfinished(stored),
        f"spent: {total.iterations:,} iterations, {total.train_seconds:,.0f} s on the device",
        "best: none so far"
        if best is None
        else f"best: validation AUC {best.value:.4f} in trial {best.number}",
        *([] if best is None else [f"settings: {settings_text(best.params)}"]),
    ]
    name = stored.study.study_name
    head = f"{name}: {stored.about['experiment']}, budget {unit}={json.dumps(amount)}"
    return "\n".join([head, *map(_folded, lines)])


def _unfinished(stored: StoredStudy) -> list[str]:
    """A line about the trials that have begun and not ended; none where all have."""
    trials = unfinished(stored.trials)
    running = sum(
        trial.state == TrialState.RUNNING and not is_dead(trial, stored.store) for trial in trials
    )
    parts = [
        f"{count:,} {text}"
        for count, text in (
            (running, "running"),
            (len(trials) - running, "to run when the tuning is started again"),
        )
        if count
    ]
    return [f"not ended: {', '.join(parts)}"] if parts else []


def _folded(line: str) -> str:
    return fill(
        line,
        COLUMNS,
        initial_indent=" " * 4,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _read(storage: RDBStorage, store: Store) -> Iterator[StoredStudy]:
    for name in sorted(optuna.get_all_study_names(storage)):
        study = optuna.load_study(study_name=name, storage=storage)
        about = study.user_attrs.get(ABOUT)
        if about is not None:  # a database may hold studies of other programs
            yield StoredStudy(
                study=study,
                about=about,
                trials=study.get_trials(deepcopy=False),
                store=trial_store(store, name),
            )
