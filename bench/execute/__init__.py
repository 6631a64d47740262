"""Who runs the matrix. So far: this process, one cell after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.cache import cache_dir
from bench.config import Experiment
from bench.data.prepare import open_study, prepare_data
from bench.execute.in_process import Summary, run_cells
from bench.execute.one_cell import CellRunner
from bench.execute.preflight import check_experiment, plan_cells
from bench.progress import Progress
from bench.store import Store

if TYPE_CHECKING:
    import torch

__all__ = ["CellRunner", "Summary", "check_experiment", "plan_cells", "run_cells", "run_experiment"]


def run_experiment(
    experiment: Experiment, *, out: Path, device: torch.device, progress: Progress
) -> Summary:
    """Check an experiment, prepare its data and run its cells.

    Args:
        experiment: what to run.
        out: folder of the runs.
        device: where networks are trained.
        progress: told of everything that happens.

    Raises:
        InputError: anything that the user can mend, before the first cell starts.
    """
    task = check_experiment(experiment, device=device)
    # A wrong path is found here, before pretrained weights are fetched.
    study = open_study(experiment.data)
    cells = plan_cells(experiment, device=device)
    prepared = prepare_data(
        experiment.data,
        task,
        study=study,
        cache=cache_dir() / "pixels",
        progress=lambda done, total: progress.advance("decoding images", done, total),
    )
    progress.event(
        "note",
        text=f"{prepared.source}: "
        + ", ".join(f"{len(places):,} {part}" for part, places in prepared.parts.items())
        + f" images at {prepared.image_size} px; runs go to {out}",
    )
    for note in prepared.notes:
        progress.event("note", text=note)
    runner = CellRunner(
        experiment=experiment,
        prepared=prepared,
        store=Store(out),
        device=device,
        progress=progress,
    )
    return run_cells(cells, runner)
