"""What the studies of a storage hold: a line each, and pictures. Nothing is trained."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from tabulate import tabulate

from bench.errors import InputError, first_line
from bench.progress import settings_text
from bench.store import Store
from bench.tune.ledger import interruptions, running, spent, winner
from bench.tune.storage import default_url, is_missing_file, opened
from bench.tune.tuner import ABOUT

AUC = "validation AUC"
HEAD = (
    "study", "experiment", "budget", "trials", "finished", "pruned", "failed", "in training",
    "interrupted", "iterations", "device s", "best AUC", "trial", "its settings",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A study as it lies in the storage.

    Attributes:
        study: Optuna's.
        about: what it is of: experiment, task, model, loss, budget.
        trials: all of them.
    """

    study: optuna.Study
    about: dict[str, Any]
    trials: list[FrozenTrial]


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
        )
    with opened(address, lock=None) as storage:
        found = [one for one in _read(storage) if _is_asked(one, models, losses, names)]
        if not found:
            wanted = " ".join((*models, *losses))
            raise InputError(f"no tuning{f' of {wanted}' if wanted else ''} in this storage")
        yield found


def table(studies: Sequence[Stored]) -> str:
    """One line a study: what was given, what was spent, what came of it."""
    return tabulate(
        [_row(one) for one in studies], headers=HEAD, tablefmt="simple", disable_numparse=True
    )


def draw(studies: Sequence[Stored], folder: Path) -> Iterator[str]:
    """Draw each study's history, parameter importance and parallel coordinates.

    Args:
        studies: to be drawn.
        folder: of the pictures, ``STUDY-history.png`` and so on; made where it is not there.

    Yields:
        A line a picture: where it is, or why there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in studies:
        for name, plot in _plots().items():
            path = folder / f"{one.study.study_name}-{name}.png"
            reason = _draw(one, plot, path)
            yield f"wrote {path}" if reason is None else f"no {path.name}: {reason}"


def _draw(one: Stored, plot: Callable[[optuna.Study], Any], path: Path) -> str | None:
    from matplotlib import pyplot

    finished = spent(one.trials).finished
    if finished < 2:
        return f"too few trials were trained to their end ({finished})"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # Of an axis on which all trials have the same value.
            warnings.filterwarnings("ignore", message="Attempting to set identical low and high")
            # Optuna sets a style of its own; it is to hold for this picture alone.
            with pyplot.style.context("default"):
                figure = plot(one.study).get_figure()
                # Wide enough for the axes of parallel coordinates with their numbers.
                figure.set_size_inches(11, 5)
                figure.suptitle(one.study.study_name, fontsize=9)
                figure.savefig(path, dpi=150, bbox_inches="tight")
    except (ValueError, RuntimeError) as error:
        # Such as an importance where all trials have the same value.
        return first_line(error)
    finally:
        pyplot.close("all")
    return None


def _plots() -> dict[str, Callable[[optuna.Study], Any]]:
    import matplotlib

    matplotlib.use("Agg")
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    def importance(study: optuna.Study) -> Any:
        evaluator = FanovaImportanceEvaluator(seed=0)
        return plots.plot_param_importances(study, evaluator=evaluator, target_name=AUC)

    return {
        "history": partial(plots.plot_optimization_history, target_name=AUC),
        "importance": importance,
        "parallel": partial(plots.plot_parallel_coordinate, target_name=AUC),
    }


def _read(storage: RDBStorage) -> Iterator[Stored]:
    for name in sorted(optuna.get_all_study_names(storage)):
        study = optuna.load_study(study_name=name, storage=storage)
        about = study.user_attrs.get(ABOUT)
        if about is not None:  # a database may hold studies of other programs
            yield Stored(study=study, about=about, trials=study.get_trials(deepcopy=False))


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


def _row(one: Stored) -> list[str]:
    used, best = spent(one.trials), winner(one.trials)
    ((unit, amount),) = one.about["budget"].items()
    return [
        one.study.study_name,
        one.about["experiment"],
        f"{unit}={json.dumps(amount)}",
        f"{used.trials:,}",
        f"{used.finished:,}",
        f"{used.pruned:,}",
        f"{used.failed:,}",
        f"{len(running(one.trials)):,}",
        f"{interruptions(one.trials):,}",
        f"{used.iterations:,}",
        f"{used.train_seconds:,.0f}",
        "–" if best is None else f"{best.value:.4f}",
        "–" if best is None else str(best.number),
        "–" if best is None else settings_text(best.params),
    ]
