"""Taking the runs of a bundle into a folder of runs."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.data.description import DataRecord
from bench.data.splits import Split
from bench.errors import InputError
from bench.runs.predictions import IDS, PREDICTIONS
from bench.runs.run import Run
from bench.runs.store import Store
from bench.share.bundle import Names, unpack
from bench.share.pseudonyms import Pseudonyms
from bench.share.send import copy_run, keep_split, pseudonyms_of

State = Literal["imported", "already here", "made here too"]


@dataclass(frozen=True, kw_only=True)
class Received:
    """A run of a bundle, beside the runs that are here."""

    name: str  # of its folder
    # A run of the same settings, data and split that is here stays as it is: it came from a bundle
    # (``already here``), or was trained here (``made here too``).
    state: State
    # Largest absolute difference of a probability to the one here; None where it is imported.
    difference: float | None = None
    labels_checked: bool = False  # a run here has the same images, and the labels agree
    # Its pixels or image size are others than those of the runs here, so that it stands in a
    # table of its own.
    own_table: bool = False


def receive(path: Path, store: Store) -> list[Received]:
    """Take the runs of a bundle, with the names of the images here.

    Everything is checked before the first run is written.
    """
    store.check_writable()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder:
        record = unpack(path, Path(folder))
        theirs = Store(Path(folder))
        runs = [theirs.run(name) for name in record.runs]
        stored = store.runs() if store.root.is_dir() else []
        here = [run for run in stored if run.outcome.state == "finished"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        note = f"imported from {path.name} ({digest[:12]}), made elsewhere: {_listed(runs)}"
        for run in runs:
            _refuse_half_done(run.name, here, store)
        read = [_Reading.of(run, here, names=record.names, store=store) for run in runs]
        received = [each.received() for each in read]
        taken = [each for each, r in zip(read, received, strict=True) if r.state == "imported"]
        for each in taken:
            each.keep(store, note=note)
        if taken:
            _keep_beside(theirs, store, [each.run for each in taken], names=record.names)
    return received


def _refuse_half_done(name: str, here: Sequence[Run], store: Store) -> None:
    """Refuse to write over a run that was begun here, with its own weights and checkpoint."""
    folder = store.root / name
    if folder.exists() and name not in {run.name for run in here}:
        raise InputError(
            f"run {name} was begun here and did not finish: finish it with `bench run`, or take it "
            "away with `bench runs remove`, and import again"
        )


def _listed(runs: Sequence[Run]) -> str:
    """``cxnet_m1 sin (seeds 0, 1), control prior``."""
    seeds: defaultdict[str, list[str]] = defaultdict(list)
    for run in runs:
        label = run.cell.label
        name, seed, end = label.partition(f" seed {run.cell.seed}")
        seeds[name + end] += [str(run.cell.seed)] if seed else []
    return ", ".join(
        f"{name} (seeds {', '.join(of_it)})" if of_it else name for name, of_it in seeds.items()
    )


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A run of a bundle with the names of the images here."""

    run: Run  # as it is in the bundle
    tables: Mapping[str, pd.DataFrame]  # its predictions, by file name, with names as they are here
    here: Sequence[Run]  # runs of the same split and task that are here

    @classmethod
    def of(cls, run: Run, here: Sequence[Run], *, names: Names, store: Store) -> _Reading:
        of_source = [own for own in here if own.data.source == run.data.source]
        of_split = [own for own in of_source if own.data.split.hash == run.data.split.hash]
        if of_source and not of_split:
            splits = sorted({_split_text(own.data) for own in of_source})
            raise InputError(
                f"run {run.name} is of split {_split_text(run.data)}, and the runs in "
                f"{str(store.root)!r} are of {', '.join(splits)}: their rows cannot be compared; "
                "--out gives another folder"
            )
        if names == "hashed" and not of_split:
            raise InputError(
                f"run {run.name} has hashes for names, and no run in {str(store.root)!r} is "
                "of its data and split: run yours first, or unzip the bundle and report on that "
                "folder with --out"
            )
        tables = run.tables()
        same_task = [own for own in of_split if own.data.task == run.data.task]
        if names == "hashed":
            # Those of its task first: rows get the order that they have in them.
            others = [own for own in of_split if own not in same_task]
            found = _names_of([*same_task, *others], pseudonyms_of(run.data, store.root))
            tables = {
                name: _renamed(table, found, run=run, there=store.root)
                for name, table in tables.items()
            }
        return cls(run=run, tables=tables, here=same_task)

    def received(self) -> Received:
        """Fate of the run, before anything is written; labels that differ are refused."""
        predictions = self.tables[PREDICTIONS]
        checked = False
        for own in self.here:
            checked |= self._labels_agree(own.predictions_frame(), own)
        name = self.run.name
        twin = next((own for own in self.here if own.name == name), None)
        if twin is None:
            fingerprints = {own.data.fingerprint for own in self.here}
            return Received(
                name=name,
                state="imported",
                labels_checked=checked,
                own_table=bool(fingerprints) and self.run.data.fingerprint not in fingerprints,
            )
        columns = self.run.outputs.columns
        both = predictions.merge(
            twin.predictions_frame(), on=["part", "image"], suffixes=("", "_here")
        )
        found = both[columns].to_numpy() - both[[f"{name}_here" for name in columns]].to_numpy()
        imported = any(note.startswith("imported from ") for note in twin.data.notes)
        return Received(
            name=name,
            state="already here" if imported else "made here too",
            difference=float(np.abs(found).max(initial=0.0)),
            labels_checked=checked,
        )

    def _labels_agree(self, own: pd.DataFrame, run: Run) -> bool:
        """Whether a run here has any of the images; labels that differ are refused."""
        both = self.tables[PREDICTIONS].merge(own, on=["part", "image"], suffixes=("", "_here"))
        differing = both[
            (both["target"] != both["target_here"]) | (both["patient"] != both["patient_here"])
        ]
        if len(differing):
            raise InputError(
                f"run {self.run.name} has other labels or patients than {run.name} "
                f"for {len(differing):,} of {len(both):,} images: it cannot stand beside the runs "
                "here; --out gives another folder"
            )
        return len(both) > 0

    def keep(self, store: Store, *, note: str) -> None:
        """Write the run; without weights, since none were sent."""
        folder = store.root / self.run.name
        with store.claim(folder) as claimed:
            if not claimed:
                raise InputError(f"another process is at {folder.name}: wait for it")
            data = self.run.data.model_copy(update={"notes": (*self.run.data.notes, note)})
            copy_run(self.run, store, data=data, tables=self.tables)


def _names_of(runs: Sequence[Run], pseudonyms: Pseudonyms) -> pd.DataFrame:
    """Image and patient of each image that some runs predict, by the image's hash."""
    frames = [table[[*IDS]] for run in runs for table in run.tables().values()]
    known = pd.concat(frames).drop_duplicates("image")
    return (
        known.assign(hash=known["image"].map(pseudonyms.image))
        .set_index("hash")
        .assign(patient_hash=known["patient"].map(pseudonyms.patient).to_numpy())
    )


def _renamed(table: pd.DataFrame, known: pd.DataFrame, *, run: Run, there: Path) -> pd.DataFrame:
    """A table of predictions with the names of the images here."""
    strangers = ~table["image"].isin(known.index)
    if strangers.any():
        raise InputError(
            f"run {run.name} predicts {int(strangers.sum()):,} images that no run in "
            f"{str(there)!r} predicts, so that their names are not known: run its task "
            f"({run.data.task}) here first"
        )
    # A bundle's rows are sorted by hash; here they are in the order of the runs here.
    table = table.iloc[known.index.get_indexer(pd.Index(table["image"])).argsort(kind="stable")]
    found = known.loc[table["image"]]
    if (found["patient_hash"].to_numpy() != table["patient"].to_numpy()).any():
        raise InputError(
            f"run {run.name} has other patients than the runs in {str(there)!r} for the "
            "same images: it cannot stand beside them; --out gives another folder"
        )
    return table.assign(image=found["image"].to_numpy(), patient=found["patient"].to_numpy())


def _keep_beside(theirs: Store, store: Store, runs: Sequence[Run], *, names: Names) -> None:
    """Keep the records and splits that belong to the runs, where they are not here already."""
    taken = {run.name for run in runs}
    for record in theirs.experiments():
        if own := [store.root / name for name in record.runs if name in taken]:
            store.record_experiment(record.experiment, own)
    known = {tuning.study for tuning in store.tunings()}
    for tuning in theirs.tunings():
        if tuning.study not in known:
            store.record_tuning(tuning)
    if names == "hashed":
        return
    for split in {run.data.split.hash: run.data.split for run in runs}.values():
        Split.read_images(theirs.split_file(split), digest=split.hash)
        keep_split(split, theirs, store)


def _split_text(data: DataRecord) -> str:
    return f"{data.split.name} {data.split.hash[:12]}"
