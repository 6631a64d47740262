"""Packing of runs into a bundle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import bench
from bench.config import DataConfig, Experiment
from bench.data.description import DataRecord, SplitRecord
from bench.data.splits import Split
from bench.errors import InputError
from bench.files import make_folder, write_bytes, write_text
from bench.runs.cells import source_settings
from bench.runs.checksums import DATA, ENVIRONMENT, EXPERIMENT, HISTORY, IMPORTED, SETTINGS
from bench.runs.records import write_model
from bench.runs.run import Run
from bench.runs.store import Store, experiment_text
from bench.share.bundle import Names, pack
from bench.share.pseudonyms import Pseudonyms

NAMELESS = ("phantom",)
"""Data sources whose images are of nobody; another one can hold a hospital's images in its form."""
CARD = "README.md"
AS_THEY_ARE = (SETTINGS, ENVIRONMENT, IMPORTED, HISTORY)
"""Files that hold no name of an image, patient or folder."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A bundle that was written."""

    path: Path
    names: Names  # of images and patients in it
    runs: tuple[str, ...]  # their names
    left_out: tuple[str, ...]  # names of runs that did not finish, which hold nothing to share
    # Options of the data sources that were given, which the bundle holds as they are.
    options: tuple[str, ...]


def share(runs: Sequence[Run], path: Path, *, public: bool = False) -> Sent:
    """Pack runs into a bundle: settings, predictions, split, environment and their table.

    The runs are of one folder, and an older bundle is replaced. The names of images and patients
    stay as they are where they may be known (``public``); those of the phantom do.
    """
    from bench.evaluate.load import load_results
    from bench.report import FORMATS

    for run in runs:
        run.refuse_external()
    finished = [run for run in runs if run.outcome.state == "finished"]
    stores = {run.folder.parent for run in runs}
    if not finished or len(stores) > 1:
        wrong = "have finished" if not finished else "lie in one folder"
        raise InputError(f"these {len(runs)} runs do not all {wrong}: share runs that do")
    (root,) = stores
    open_names = public or all(run.data.source in NAMELESS for run in finished)
    names: Names = "plain" if open_names else "hashed"
    with tempfile.TemporaryDirectory(prefix="bench-share-") as folder:
        made = Store(Path(folder))
        for run in finished:
            data, tables = run.data, run.tables()
            if not open_names:
                pseudonyms = pseudonyms_of(data, root)
                data = _hidden(data, pseudonyms)
                tables = {name: pseudonyms.hide(table) for name, table in tables.items()}
            copy_run(run, made, data=data, tables=tables)
        _copy_beside(finished, Store(root), made, with_splits=open_names)
        # The report of the bundle's runs alone.
        write_text(made.root / CARD, FORMATS["markdown"](load_results(made)))
        shutil.rmtree(made.root / ".locks", ignore_errors=True)
        labels = tuple(run.name for run in finished)
        pack(made.root, path, version=bench.__version__, names=names, runs=labels)
    return Sent(
        path=path,
        names=names,
        runs=labels,
        left_out=tuple(run.name for run in runs if run not in finished),
        options=tuple(dict.fromkeys(text for run in finished for text in _options(run))),
    )


def _options(run: Run) -> list[str]:
    """Options of a run's data source that are not those by default."""
    data = run.cell.settings.data
    usual = source_settings(DataConfig(source=data.source)).options
    return [f"{name}={value}" for name, value in data.options.items() if value != usual.get(name)]


def pseudonyms_of(data: DataRecord, root: Path) -> Pseudonyms:
    """The hashes of the names of a run's split."""
    path = Store(root).split_file(data.split)
    return Pseudonyms(Split.read_images(path, digest=data.split.hash))


def copy_run(run: Run, to: Store, *, data: DataRecord, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write a finished run into another store, without weights and folders of this machine.

    The description of its data and its predictions, by file, are those that it has there; as
    :meth:`bench.runs.run.Run.tables` gives them, the files come out as they are.
    """
    folder = to.root / run.name
    make_folder(folder)
    for name in AS_THEY_ARE:
        if name in run.checksums:
            write_bytes(folder / name, (run.folder / name).read_bytes())
    experiment = without_paths(Store(run.folder.parent).experiment_of(run.folder))
    write_text(folder / EXPERIMENT, experiment_text(experiment))
    write_model(folder / DATA, data)
    for name, table in tables.items():
        write_text(folder / name, table.to_csv(index=False))
    to.end(folder, run.outcome)


def without_paths(experiment: Experiment) -> Experiment:
    """An experiment that names no folder of the machine that it was run on."""
    paths = ("data.root", "model.weights_dir")
    return experiment.model_copy(
        update={
            "vary": {key: v for key, v in experiment.vary.items() if key not in paths},
            "data": experiment.data.model_copy(update={"root": None}),
            "model": experiment.model.model_copy(update={"weights_dir": None}),
        }
    )


def _hidden(data: DataRecord, pseudonyms: Pseudonyms) -> DataRecord:
    """A description without names; notes may hold some, so they are left out."""
    return data.model_copy(
        update={
            "root": "",
            "notes": (),
            "skipped": {
                kind: tuple(pseudonyms.image(image) for image in images)
                for kind, images in data.skipped.items()
            },
        }
    )


def _copy_beside(runs: Sequence[Run], store: Store, made: Store, *, with_splits: bool) -> None:
    """Copy what lies beside the runs: records of experiments and tunings, and the splits."""
    names = {run.name for run in runs}
    for record in store.experiments():
        if own := [store.root / name for name in record.runs if name in names]:
            made.record_experiment(without_paths(record.experiment), own)
    for tuning in store.tunings():
        if names & {*tuning.runs, *tuning.superseded}:
            made.record_tuning(tuning)
    for split in {run.data.split.hash: run.data.split for run in runs}.values():
        Split.read_images(store.split_file(split), digest=split.hash)  # it is whole
        if with_splits:
            keep_split(split, store, made)


def keep_split(split: SplitRecord, store: Store, to: Store) -> None:
    """Write a split's file into another store, where it is not there already."""
    if not to.split_file(split).exists():
        make_folder(to.splits)
        write_bytes(to.split_file(split), store.split_file(split).read_bytes())
