"""One description of the data of all runs of a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.description import DataRecord, PartRecord
from bench.data.leakage import Leakage
from bench.evaluate.settings import train_share
from bench.runs.run import Run


def merge(runs: Sequence[Run]) -> DataRecord:
    """One description of the data of all runs of a table.

    Returns:
        The description of the first, in which ``root``, ``notes`` and ``skipped`` hold what any
        of them says; imported predictions, which know less, are asked where there is nothing
        else. Where they learned from different shares of the training part, ``parts``
        and ``leakage`` have a part ``train (5 %)`` for each.
    """
    runs = trained_here(runs)
    described = [run.data for run in runs]
    skipped: dict[str, dict[str, None]] = {}
    for data in described:
        for kind, images in data.skipped.items():
            skipped[kind] = skipped.get(kind, {}) | dict.fromkeys(images)
    parts, leakage = _by_share({train_share(run.cell): run.data for run in reversed(runs)})
    return described[0].model_copy(
        update={
            "root": ", ".join(dict.fromkeys(data.root for data in described if data.root)),
            "notes": tuple(dict.fromkeys(note for data in described for note in data.notes)),
            "skipped": {kind: tuple(images) for kind, images in skipped.items()},
            "parts": parts,
            "leakage": leakage,
        }
    )


def trained_here(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs that are not imported, controls among them; all where all are imported."""
    return [run for run in runs if run.cell.kind != "imported"] or runs


def _by_share(
    by_share: dict[float, DataRecord],
) -> tuple[dict[str, PartRecord], tuple[Leakage, ...]]:
    """Parts and leakage, from a description for each share."""
    shares = sorted(by_share)
    first = by_share[shares[0]]
    if len(shares) == 1:
        return first.parts, first.leakage

    def name(part: str, share: float) -> str:
        return f"{part} ({100 * share:g} %)" if part == "train" else part

    parts = {
        name(part, share): by_share[share].parts[part] for part in first.parts for share in shares
    }
    pairs = [
        pair.model_copy(update={"earlier": name(pair.earlier, share)})
        for share in shares
        for pair in by_share[share].leakage
    ]
    # The pair of validation and test is the same for every share.
    return parts, tuple(dict.fromkeys(pairs))
