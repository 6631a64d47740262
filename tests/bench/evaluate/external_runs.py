"""Made-up predictions of networks for other data, as the harness stores them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.data.description import DataRecord
from bench.data.leakage import Leakage
from bench.runs.predictions import PREDICTIONS, Outputs, Predictions
from bench.runs.records import ExternalRecord
from bench.runs.run import Run
from bench.runs.store import Facts, Store
from tests.bench.records import ENVIRONMENT, EXPERIMENT, FINISHED, cell, data_record, part

OVERLAP = Leakage(
    earlier="trained on",
    later="tested on",
    later_images=90,
    shared_patients=0,
    images_of_shared_patients=0,
    unknown_patients=0,
    identical_images=2,
)


def made(
    name: str, targets: NDArray[np.int64], p: NDArray[np.float64], *, a_patient: int = 1
) -> Predictions:
    """Predictions of two classes, for so many images of each patient."""
    numbers = np.arange(len(targets))
    return Predictions(
        images=np.array([f"{name}{number:03d}.png" for number in numbers], object),
        patients=np.array([f"{name}{number // a_patient}" for number in numbers], object),
        targets=targets,
        probabilities=np.stack([1.0 - p, p], axis=1),
    )


def external_data(parts: dict[str, Predictions]) -> DataRecord:
    """The description of some other data."""
    counted = {
        name: part(
            len(each.targets),
            len(set(each.patients)),
            normal=int((each.targets == 0).sum()),
            abnormal=int((each.targets == 1).sum()),
        )
        for name, each in parts.items()
    }
    return data_record(
        source="manifest",
        root="there",
        split={"name": "all", "seed": 0, "hash": "c" * 64, "claims_disjoint": False},
        parts=counted,
        leakage=(OVERLAP,),
        fingerprint="e" * 64,
    )


def add_external(
    store: Store, parts: dict[str, Predictions], *, run: str = "net", seed: int = 0
) -> Run:
    """A network's predictions for other data, in the store of the runs.

    Args:
        parts: ``validation``, ``home`` and ``test``.
    """
    home, data = data_record(), external_data(parts)
    stored = store.runs() if store.root.is_dir() else []
    own = [each for each in stored if (each.cell.model, each.cell.seed) == (run, seed)]
    record = ExternalRecord(
        run=own[0].folder.name if own else f"{run}-s{seed}",
        weights="w" * 64,
        predictions=own[0].checksums[PREDICTIONS] if own else "p" * 64,
        home=home,
        left_out=2,
    )
    of_run = cell(run, "ce", seed=seed).as_external(home=home, part="all", same_patients=False)
    folder = store.external.folder(of_run, data)
    facts = Facts(experiment=EXPERIMENT, data=data, environment=ENVIRONMENT, external=record)
    store.external.begin(folder, of_run, facts)
    outputs = Outputs(kind="multiclass", classes=("normal", "abnormal"))
    store.external.write_parts(folder, parts, outputs)
    store.external.end(folder, FINISHED)
    return store.external.run(folder.name)
