"""What a run noted at its validations."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class History:
    """One run's validations, in order; see :class:`bench.train.loop.Validation`.

    Attributes:
        iterations: steps done at each.
        train_loss, validation_loss, validation_auc: at each.
        decays: iterations at which the learning rate was divided.
        kept: iteration and validation AUC of the weights that were kept; None where no
            validation was marked the best.
    """

    iterations: list[int]
    train_loss: list[float]
    validation_loss: list[float]
    validation_auc: list[float]
    decays: list[int]
    kept: tuple[int, float] | None


def history(run: Run) -> History | None:
    """What a run's ``history.csv`` says; None where there is none, or nothing can be read of it.

    It is no result: a report without it stands.
    """
    try:
        frame = pd.read_csv(run.folder / "history.csv")
        best = frame[frame["best"].astype(str) == "True"]
        kept = best[["iteration", "validation_auc"]].to_numpy(dtype=float)
        return History(
            iterations=frame["iteration"].astype(int).tolist(),
            train_loss=frame["train_loss"].astype(float).tolist(),
            validation_loss=frame["validation_loss"].astype(float).tolist(),
            validation_auc=frame["validation_auc"].astype(float).tolist(),
            decays=frame.loc[frame["decision"] == "decay", "iteration"].astype(int).tolist(),
            kept=(int(kept[-1][0]), float(kept[-1][1])) if len(kept) else None,
        )
    except (OSError, ValueError, KeyError):
        return None
