"""The studies of a storage, read for people: some lines and three pictures each."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from bench.errors import InputError, first_line
from bench.events import settings_text
from bench.runs.records import TuningRecord
from bench.runs.store import Store
from bench.tuning.space import settings_at
from bench.tuning.storage import file_of, opened, parse_url, shown
from bench.tuning.study import StudyRecord, is_dead, signs_of, trial_store
from bench.tuning.trials import RETRIES, ranked, spent, unfinished


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study of ``bench tune`` in its storage."""

    study: optuna.Study
    about: StudyRecord
    trials: list[FrozenTrial]
    signs: Store  # where the locks of the workers are
    # Of the winner; None where there is none in this ``--out`` so far.
    record: TuningRecord | None = None


@contextmanager
def stored_studies(
    store: Store, storage: str | None, *, models: Sequence[str] = (), losses: Sequence[str] = ()
) -> Iterator[list[StoredStudy]]:
    """The studies of ``bench tune`` in a storage, by name.

    Args:
        storage: URL of the database; None is the file beside the trials.
        models, losses: only studies of those; none means all.
    """
    url = parse_url(storage, store)
    wanted = " ".join((*models, *losses))
    missing = InputError(
        f"no tuning{f' of {wanted}' if wanted else ''} in storage {shown(url)}: run `bench tune` "
        "first, or give another --out or --storage; `bench tunings` without a model lists all"
    )
    file = file_of(url)
    if file is not None and not file.exists():
        raise missing
    records = {record.study: record for record in store.tunings()}
    with opened(url, lock=None) as database:
        found = []
        for name in sorted(optuna.get_all_study_names(database)):
            study = optuna.load_study(study_name=name, storage=database)
            about = StudyRecord.of(study)
            if (
                about is not None  # a database may hold studies of other programs
                and (not models or about.model in models)
                and (not losses or about.loss in losses)
            ):
                trials = study.get_trials(deepcopy=False)
                found.append(
                    StoredStudy(
                        study=study,
                        about=about,
                        trials=trials,
                        signs=signs_of(url, trial_store(store, name)),
                        record=records.get(name),
                    )
                )
        if not found:
            raise missing
        yield found


def described(stored: StoredStudy) -> str:
    """A study in lines: name, budget, trials, what was spent so far, best trial and winner."""
    trials = stored.trials
    total = spent(trials)
    retried = sum(RETRIES in trial.user_attrs for trial in trials)
    ((unit, amount),) = stored.about.budget.items()
    lines = [
        f"{stored.study.study_name}: {stored.about.experiment}, budget {unit}={json.dumps(amount)}",
        f"trials: {total.trials:,} ended ({total.finished:,} finished, {total.pruned:,} pruned, "
        f"{total.failed:,} failed)" + (f", {retried:,} interrupted and retried" if retried else ""),
    ]
    begun = unfinished(trials)
    running = sum(
        trial.state == TrialState.RUNNING and not is_dead(trial, stored.signs) for trial in begun
    )
    if begun:
        waiting = len(begun) - running
        lines.append(
            f"not ended: {running:,} running, {waiting:,} to run when the tuning is started again"
        )
    lines.append(
        f"spent: {total.iterations:,} iterations, {total.train_seconds:,.0f} s in training"
    )
    for best in ranked(trials)[:1]:
        lines.append(f"best: validation AUC {best.value:.4f} in trial {best.number}")
        lines.append(f"settings: {settings_text(settings_at(best.params))}")
    if not total.finished:
        lines.append("best: none so far")
    # A storage that was begun anew has fewer trials than a record of before.
    if stored.record is not None and stored.record.trial < len(trials):
        won = trials[stored.record.trial]
        lines.append(
            f"won: mean validation AUC {stored.record.validation_auc:.4f}, trial {won.number}"
        )
        lines.append(f"settings: {settings_text(settings_at(won.params))}")
    return "\n    ".join(lines)


def draw(studies: Sequence[StoredStudy], folder: Path) -> Iterator[str]:
    """Draw Optuna's pictures of each study; pruned and failed trials are in none of them.

    Args:
        folder: of the pictures, ``STUDY-history.png`` and so on; made where it is not there.

    Yields:
        A line a picture: where it is, or why there is none.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    plot_importances = partial(
        plots.plot_param_importances, evaluator=FanovaImportanceEvaluator(seed=0)
    )
    folder.mkdir(parents=True, exist_ok=True)
    for stored in studies:
        study, finished = stored.study, spent(stored.trials).finished
        if finished < 2:
            yield f"no pictures of {study.study_name}: trials trained to their end: {finished}"
            continue
        for name, plot in (
            ("history", plots.plot_optimization_history),
            ("importance", plot_importances),
            ("parallel", plots.plot_parallel_coordinate),
        ):
            path = folder / f"{study.study_name}-{name}.png"
            # Optuna sets a style of its own; it is to hold for this picture alone.
            with warnings.catch_warnings(), pyplot.style.context("default"):
                warnings.simplefilter("ignore", ExperimentalWarning)
                # An axis on which all trials have the same value.
                warnings.filterwarnings("ignore", message="Attempting to set identical low")
                try:
                    plot(study, target_name="validation AUC")
                    figure = pyplot.gcf()
                    figure.suptitle(study.study_name, fontsize=9)
                    # Wide enough for the axes of parallel coordinates with their numbers.
                    figure.set_size_inches(11, 5)
                    figure.savefig(path, dpi=150, bbox_inches="tight")
                    yield f"wrote {path}"
                except (ValueError, RuntimeError) as error:
                    # Such as an importance where all trials have the same value.
                    yield f"no {path.name}: {first_line(error)}"
                finally:
                    pyplot.close("all")
