"""Faults beside the runs: splits, records of experiments and tunings, the tunings' database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import optuna

from bench.config import Experiment
from bench.data.splits import Split
from bench.data.splits.split import file_name
from bench.doctor.finding import Finding, set_aside
from bench.errors import InputError
from bench.runs.run import Run
from bench.runs.store import EXPERIMENTS, HEAT_MAPS, Store
from bench.tuning.storage import file_of, opened, parse_url
from bench.tuning.study import StudyRecord

TUNE_AGAIN = (
    "--repair sets it aside; `bench tune`, started again, writes it from the trials that ended"
)
_NEEDS = {
    EXPERIMENTS: "--repair writes it from its runs",
    HEAT_MAPS: "--repair sets it aside; `bench explain --boxes` measures these maps again",
}


def check_records(store: Store, runs: Sequence[Run]) -> Iterator[Finding]:
    """Find records beside the runs that cannot be used, and runs that are in none."""
    unusable = store.unusable_records()
    for each in unusable:
        if each.state != "damaged":
            fault = f"written by another version of cxnet-bench ({each.reason})"
            yield Finding(name=each.name, fault=fault, need="use that version")
            continue
        yield Finding(
            name=each.name,
            fault=f"damaged: {each.reason}",
            need=_NEEDS.get(each.name.partition("/")[0], TUNE_AGAIN),
            mend=partial(set_aside, store.root, store.root / each.name),
        )
    if any(each.state != "damaged" for each in unusable):
        return  # it may name the runs that no other record does
    recorded = {name for record in store.experiments() for name in record.runs}
    lost: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.cell.kind in ("network", "control") and run.name not in recorded:
            lost[store.experiment_of(run.folder).model_dump_json()].append(run)
    for text, of_it in lost.items():
        # Controls alone are those of a tuning without a winner.
        if any(run.cell.kind == "network" for run in of_it):
            experiment, folders = Experiment.model_validate_json(text), [r.folder for r in of_it]
            yield Finding(
                name=EXPERIMENTS,
                fault=f"no record names {len(folders)} runs, such as {folders[0].name}",
                need="--repair writes one from the runs",
                mend=partial(_record, store, experiment, folders),
            )


def check_splits(store: Store, runs: Sequence[Run]) -> Iterator[Finding]:
    """Find the splits of runs whose files are gone or changed."""
    splits = {run.data.split.hash: run.data.split for run in runs}
    for digest, split in splits.items():
        path = store.splits / file_name(name=split.name, seed=split.seed, digest=digest)
        try:
            Split.read_images(path, digest=digest)
        except InputError:
            fault = "is not as it was written" if path.is_file() else "is gone"
            yield Finding(
                name=str(path.relative_to(store.root)),
                fault=f"the split of some runs {fault}",
                need="`bench run` of their experiment writes it anew",
            )


def check_database(store: Store) -> Iterator[Finding]:
    """Find a tuning database that cannot be read, and winners that it does not know."""
    url = parse_url(None, store)
    file = file_of(url)
    if file is None or not file.exists():
        return
    name = f"{store.tuning.name}/{file.name}"
    try:
        with opened(url, lock=None) as database:
            studies = {
                study: optuna.load_study(study_name=study, storage=database)
                for study in optuna.get_all_study_names(database)
            }
            trials = {study: len(of.get_trials(deepcopy=False)) for study, of in studies.items()}
            for of in studies.values():
                StudyRecord.of(of)
    except (InputError, ValueError) as error:
        need = "put a copy of it back, or tune in another --out; the runs of its winners are whole"
        yield Finding(name=name, fault=f"it cannot be read: {error}", need=need)
        return
    for record in store.tunings():
        if record.storage == "sqlite" and record.trial >= trials.get(record.study, 0):
            fault = f"it does not hold trial {record.trial} of {record.study}, which won"
            yield Finding(name=name, fault=fault, need="put a copy of it back, or tune again")


def _record(store: Store, experiment: Experiment, folders: Sequence[Path]) -> str:
    store.record_experiment(experiment, folders)
    return f"wrote a record of {len(folders)} runs"
