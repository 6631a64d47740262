"""What the studies of a storage hold: some lines each. Nothing is trained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from bench.errors import InputError
from bench.events import settings_text
from bench.runs.store import Store
from bench.tune.ledger import interruptions, running, spent, spent_so_far, winner
from bench.tune.search import WORKER, trial_store, worker_here
from bench.tune.storage import default_url, is_missing_file, opened, shown
from bench.tune.tuner import ABOUT

AUC = "validation AUC"
COLUMNS = 100


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A study as it lies in the storage.

    Attributes:
        study: Optuna's.
        about: what it is of: experiment, task, model, loss, budget.
        trials: all of them.
        store: of the trials that this ``--out`` holds.
    """

    study: optuna.Study
    about: dict[str, Any]
    trials: list[FrozenTrial]
    store: Store


@contextmanager
def stored_studies(
    store: Store,
    url: str | None,
    *,
    models: Sequence[str] = (),
    losses: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Iterator[list[Stored]]:
    """The studies of ``bench tune`` in a storage, by name.

    Args:
        store: of the runs.
        url: of the database; None is the file beside the trials.
        models, losses, names: only studies of those, or so named; none means all.

    Raises:
        InputError: the storage cannot be used, or holds none of them.
    """
    address = url or default_url(store)
    if is_missing_file(address):
        raise InputError(
            f"no tuning in {str(store.root)!r}: run `bench tune` first, or give --out or --storage"
            if url is None
            else f"storage {shown(url)}: there is no such file: check --storage"
        )
    with opened(address, lock=None) as storage:
        found = [one for one in _read(storage, store) if _is_asked(one, models, losses, names)]
        if not found:
            wanted = " ".join((*models, *losses))
            raise InputError(
                f"no tuning{f' of {wanted}' if wanted else ''} in storage {shown(address)}: "
                "`bench tune --show` without a model lists what is there"
                if wanted
                else f"no tuning in storage {shown(address)}: run `bench tune` first, or give "
                "another --storage"
            )
        yield found


def described(one: Stored) -> str:
    """Its name, what was given, what was spent so far, what came of it: a line each."""
    ended, so_far, best = spent(one.trials), spent_so_far(one.trials), winner(one.trials)
    ((unit, amount),) = one.about["budget"].items()
    gone_on = interruptions(one.trials)
    lines = [
        f"trials: {ended.trials:,} ended ({ended.finished:,} finished, {ended.pruned:,} pruned, "
        f"{ended.failed:,} failed)" + (f", {gone_on:,} interrupted and gone on" if gone_on else ""),
        *_in_training(one),
        f"spent: {so_far.iterations:,} iterations, {so_far.train_seconds:,.0f} s on the device",
        "best: none so far"
        if best is None
        else f"best: {AUC} {best.value:.4f} in trial {best.number}",
        *([] if best is None else [f"settings: {settings_text(best.params)}"]),
    ]
    head = f"{one.study.study_name}: {one.about['experiment']}, budget {unit}={json.dumps(amount)}"
    return "\n".join([head, *(_folded(line) for line in lines)])


def _folded(line: str) -> str:
    return fill(
        line,
        COLUMNS,
        initial_indent=" " * 4,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _in_training(one: Stored) -> list[str]:
    """How many trials have begun and not ended, and whether anybody is at them."""
    here = worker_here(one.store)
    counts = Counter[str]()
    for trial in running(one.trials):
        worker = trial.user_attrs.get(WORKER)
        if worker is not None and worker["at"] != here:
            counts["of workers elsewhere"] += 1
        elif worker is not None and one.store.is_held(one.store.root / worker["folder"]):
            counts["being trained"] += 1
        else:
            counts["interrupted, to go on when the tuning is started again"] += 1
    if not counts:
        return []
    return ["not ended: " + "; ".join(f"{count:,} {what}" for what, count in counts.items())]


def _read(storage: RDBStorage, store: Store) -> Iterator[Stored]:
    for name in sorted(optuna.get_all_study_names(storage)):
        study = optuna.load_study(study_name=name, storage=storage)
        about = study.user_attrs.get(ABOUT)
        if about is not None:  # a database may hold studies of other programs
            yield Stored(
                study=study,
                about=about,
                trials=study.get_trials(deepcopy=False),
                store=trial_store(store, name),
            )


def _is_asked(
    one: Stored, models: Sequence[str], losses: Sequence[str], names: Sequence[str]
) -> bool:
    return all(
        not wanted or value in wanted
        for value, wanted in (
            (one.about["model"], models),
            (one.about["loss"], losses),
            (one.study.study_name, names),
        )
    )
