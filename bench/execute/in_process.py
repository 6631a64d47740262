"""Runs the cells of a matrix one after the other, in this process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.finetune import apply_policy
from bench.cells import Cell
from bench.config import TrainConfig
from bench.controls import ControlUnavailable, predict_control
from bench.costs import model_costs
from bench.data.batches import ImageSet
from bench.data.prepare import PreparedData
from bench.environment import describe_environment
from bench.errors import InputError
from bench.metrics import auc
from bench.progress import Progress
from bench.randomness import derive_seed
from bench.registry import LOSSES, find_model
from bench.store import JUDGED_PARTS, RunCosts, Store, Verdict
from bench.train import TrainingFailedError, Validation, answer, train
from bench.train.checkpoint import BEST, LAST, resumable
from cxnet.losses import balanced_class_weights


@dataclass(kw_only=True)
class Summary:
    """How many cells ended how."""

    finished: int = 0
    already: int = 0
    unavailable: int = 0
    failed: int = 0
    elsewhere: int = 0


def run_cells(
    cells: list[Cell],
    *,
    prepared: PreparedData,
    store: Store,
    device: torch.device,
    progress: Progress,
    weights_dir: Path | None = None,
) -> Summary:
    """Run every cell that is not finished yet.

    A finished run is left alone; an interrupted one goes on from its last validation; a failed
    one is tried again. A cell that fails is kept as failed with its reason, and the others go
    on.

    Args:
        cells: the matrix.
        prepared: its data.
        store: where runs are kept.
        device: where networks are trained.
        progress: told of every cell, validation and failure.
        weights_dir: a folder of weights written by ``bench weights fetch``.
    """
    data = prepared.describe()
    environment = describe_environment(device)
    prepared.split.write(store.splits, prepared.rows)
    summary = Summary()
    for index, cell in enumerate(cells, start=1):
        folder = store.folder(cell, data)
        with store.claim(folder) as claimed:
            if not claimed:
                summary.elsewhere += 1
                continue
            verdict = store.verdict(folder)
            if verdict is not None and verdict.state != "failed":
                summary.already += 1
                continue
            _drop_damaged_checkpoint(folder, progress)
            store.begin(folder, cell, data, environment)
            progress.event(
                "cell_started",
                cell=cell.label,
                index=index,
                total=len(cells),
                folder=folder.name,
                resumes=(folder / LAST).is_file(),
            )
            began = time.perf_counter()
            try:
                if cell.kind == "control":
                    verdict, test_auc = _run_control(cell, folder, prepared, store)
                else:
                    verdict, test_auc = _run_network(
                        cell,
                        folder,
                        prepared=prepared,
                        store=store,
                        device=device,
                        progress=progress,
                        weights_dir=weights_dir,
                    )
            except ControlUnavailable as error:
                store.end(folder, Verdict(state="unavailable", reason=str(error)))
                summary.unavailable += 1
                progress.event("cell_unavailable", cell=cell.label, reason=str(error))
            except BrokenPipeError:
                # Who read our output (`| head`) has gone; the cell is not at fault.
                raise
            except Exception as error:
                reason = _one_line(error)
                # The disk may be full or the folder gone: the failure is counted and told anyway.
                with suppress(OSError):
                    if not folder.is_dir():
                        store.begin(folder, cell, data, environment)
                    _keep_failure(error, reason, folder, store)
                summary.failed += 1
                progress.event("cell_failed", cell=cell.label, reason=reason, folder=folder.name)
            else:
                store.end(folder, verdict)
                (folder / LAST).unlink(missing_ok=True)
                summary.finished += 1
                seconds = time.perf_counter() - began
                progress.event(
                    "cell_finished", cell=cell.label, seconds=round(seconds, 1), test_auc=test_auc
                )
    progress.event("matrix_finished", **vars(summary))
    return summary


def _run_control(
    cell: Cell, folder: Path, prepared: PreparedData, store: Store
) -> tuple[Verdict, float]:
    probabilities = predict_control(
        cell.model,
        rows=prepared.rows,
        targets=prepared.targets,
        split=prepared.split,
        pixels=prepared.pixels,
    )
    judged = {part: probabilities[prepared.parts[part]] for part in JUDGED_PARTS}
    return Verdict(state="finished"), _keep(judged, folder, prepared, store)


def _run_network(
    cell: Cell,
    folder: Path,
    *,
    prepared: PreparedData,
    store: Store,
    device: torch.device,
    progress: Progress,
    weights_dir: Path | None,
) -> tuple[Verdict, float]:
    config = TrainConfig.model_validate(cell.settings["train"])
    model = cell.settings["model"]
    task = prepared.task
    entry = find_model(cell.model)
    shape = {
        "in_channels": model["in_channels"],
        "outputs": len(task.classes),
        "image_size": prepared.image_size,
        "options": model["options"],
    }
    costs = model_costs(entry, **shape)
    # The caller's own random state is left as it was.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(cell.seed, "initialisation"))
        network = entry.build(**shape, pretrained=model["pretrained"], weights_dir=weights_dir)
        network.to(device)
        if model["pretrained"]:
            apply_policy(network, model["policy"])
        loss = _make_loss(cell.loss, config, prepared).to(device)
        sets = {
            part: _image_set(prepared, part, model["in_channels"], device)
            for part in ("train", *JUDGED_PARTS)
        }

        def on_validation(history: Sequence[Validation]) -> None:
            store.write_history(folder, [vars(entry) for entry in history])
            progress.event("validated", cell=cell.label, **vars(history[-1]))

        training = train(
            network,
            loss,
            training=sets["train"],
            validation=sets["validation"],
            kind=task.kind,
            config=config,
            seed=cell.seed,
            folder=folder,
            on_step=lambda done: progress.advance(cell.label, done, config.max_iterations),
            on_validation=on_validation,
        )
        judged = {
            part: answer(
                network, loss, sets[part], kind=task.kind, precision=config.precision
            ).probabilities[:, 1]
            for part in JUDGED_PARTS
        }
    verdict = Verdict(
        state="finished",
        costs=RunCosts(
            parameters=costs.parameters,
            multiply_adds=costs.multiply_adds,
            train_seconds=training.train_seconds,
            images_per_second=training.iterations * config.batch_size / training.train_seconds,
            iterations=training.iterations,
            best_iteration=training.best_iteration,
        ),
    )
    return verdict, _keep(judged, folder, prepared, store)


def _make_loss(name: str, config: TrainConfig, prepared: PreparedData) -> torch.nn.Module:
    entry = LOSSES.get(name)
    weights = None
    if entry.needs_class_weights or config.class_weighting:
        weights = balanced_class_weights(
            torch.from_numpy(prepared.targets[prepared.parts["train"]]),
            kind=prepared.task.kind,
            outputs=len(prepared.task.classes),
        )
    return entry.factory(kind=prepared.task.kind, class_weights=weights)


def _image_set(
    prepared: PreparedData, part: str, in_channels: int, device: torch.device
) -> ImageSet:
    places = prepared.parts[part]
    return ImageSet(
        pixels=prepared.pixels,
        pixel_rows=prepared.rows["pixel_row"].to_numpy(dtype=np.int64)[places],
        targets=prepared.targets[places],
        normalisation=prepared.normalisation,
        in_channels=in_channels,
        device=device,
    )


def _keep(
    judged: dict[str, NDArray[np.float64]], folder: Path, prepared: PreparedData, store: Store
) -> float:
    """Store the predictions and return the test AUC, for the eye."""
    store.write_predictions(
        folder,
        rows=prepared.rows,
        parts=prepared.parts,
        targets=prepared.targets,
        probabilities=judged,
    )
    return auc(prepared.targets[prepared.parts["test"]], judged["test"])


def _drop_damaged_checkpoint(folder: Path, progress: Progress) -> None:
    """Begin anew where a training cannot be resumed; the result is the same, only later."""
    if (folder / LAST).exists() and not resumable(folder):
        progress.event("note", text=f"{folder.name}: its checkpoint is damaged; it begins anew")
        for name in (LAST, BEST):
            (folder / name).unlink(missing_ok=True)


def _keep_failure(error: Exception, reason: str, folder: Path, store: Store) -> None:
    (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    store.end(folder, Verdict(state="failed", reason=reason))
    if isinstance(error, TrainingFailedError):
        # It would fail again from there. After any other failure (memory, disk) the next try
        # goes on from the last validation.
        (folder / LAST).unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    lines = str(error).splitlines()
    if isinstance(error, TrainingFailedError | InputError) and lines:
        return lines[0]
    name = type(error).__name__
    return f"{name}: {lines[0]}" if lines else name
