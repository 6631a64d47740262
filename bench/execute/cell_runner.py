"""Running one cell: a control, or a network from its initial weights to its predictions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.finetune import apply_policy
from bench.config import Experiment
from bench.data.batches import ImageSet
from bench.data.placement import Placement, PlacementCache
from bench.data.prepare import PreparedData
from bench.data.splits import RowNumbers
from bench.errors import InputError
from bench.events import CellFinished, Event, Note, Validated
from bench.execute.controls import ControlInputs, predict_control
from bench.progress import Progress
from bench.randomness import derive_seed
from bench.registry import LOSSES, NetworkShape, find_model
from bench.registry.costs import model_costs
from bench.runs.cells import Cell
from bench.runs.reading import read_former_end
from bench.runs.records import LOGIT_FAULTS, LogitFault, Outcome, RunCosts
from bench.runs.run import EVALUATED_PARTS
from bench.runs.store import Facts, Store
from bench.train import checkpoint
from bench.train.device import lay_out, random_state_kept
from bench.train.distributed.launch import train_on_devices
from bench.train.history import Listener, TrainingData, Validation, ignore
from bench.train.loop import train
from bench.train.prediction import predict
from bench.train.score import overall_auc


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A cell's network with its best weights, on the device."""

    network: nn.Module
    costs: RunCosts
    validation_auc: float  # of these weights; NaN where they are those of an earlier run


@dataclass(frozen=True, kw_only=True)
class CellRunner:
    """Runner of the cells of a matrix, with what they share."""

    level: Experiment  # without ``vary``; ``facts.experiment`` is the one that was given
    prepared: PreparedData
    store: Store
    placements: PlacementCache  # where its pixels lie for the networks' device; shared by all cells
    progress: Progress
    # What tells this matrix from others of an experiment that varies settings, by dotted key.
    levels: Mapping[str, object]
    facts: Facts
    prefix: str = ""  # begin of its cells' names, by which several experiments are told apart

    @property
    def _device(self) -> torch.device:
        return self.placements.device

    def label(self, cell: Cell) -> str:
        """Short name of a cell for people: ``cxnet_m1 sin seed 0, data.image_size=64``."""
        return self.prefix + cell.label_at(self.levels)

    def run(self, cell: Cell, folder: Path) -> tuple[float, Outcome]:
        """Run a cell, whose folder was begun, and store its predictions.

        Returns:
            Test AUC (macro over the outputs, where there are more than two classes), for the eye,
            and the outcome to record.

        Raises:
            ControlUnavailable: the data lack what a control looks at.
            TrainingFailedError: the loss is no longer finite.
        """
        data = self.prepared
        outcome = Outcome(state="finished")
        if cell.kind == "control":
            probabilities = predict_control(cell.model, self._control_inputs())
            predicted = {part: probabilities[data.split.parts[part]] for part in EVALUATED_PARTS}
        else:
            predicted, outcome = self._run_network(cell, folder)
        self.store.write_predictions(
            folder,
            rows=data.rows,
            task=data.task,
            targets=data.targets,
            task_mask=data.task_mask,
            parts=data.split.parts,
            probabilities=predicted,
        )
        test = data.split.test
        in_task = data.task_mask[test]
        test_auc = overall_auc(
            torch.from_numpy(data.targets[test[in_task]]),
            torch.from_numpy(predicted["test"][in_task]),
            kind=data.task.kind,
        )
        return test_auc, outcome

    def describe_end(self, cell: Cell, outcome: Outcome, *, auc: float, seconds: float) -> Event:
        """The event that says that a cell has finished."""
        return CellFinished(
            cell=self.label(cell),
            seconds=round(seconds, 1),
            test_auc=auc,
            logit_fault=outcome.logit_fault,
        )

    def _control_inputs(self) -> ControlInputs:
        data = self.prepared
        return ControlInputs(
            rows=data.rows,
            targets=data.targets,
            kind=data.task.kind,
            outputs=len(data.task.classes),
            train=data.task_parts["train"],
            validation=data.task_parts["validation"],
            pixels=data.pixels,
            weights_dir=self.level.model.weights_dir,
            device=self._device,
        )

    def train(
        self,
        cell: Cell,
        folder: Path,
        *,
        on_validation: Callable[[Sequence[Validation]], None] = ignore,
    ) -> TrainedNetwork:
        """Train a cell's network; the test part is not looked at.

        Args:
            on_validation: called after each validation with the history so far, when it is
                stored. What it raises ends the training, which can be resumed.

        Raises:
            TrainingFailedError: the loss is no longer finite.
        """
        config, parts = cell.network.train, self.prepared.task_parts
        costs = model_costs(find_model(cell.model), self._shape(cell))
        with random_state_kept(self._device):
            torch.manual_seed(derive_seed(cell.seed, "initialisation"))
            network = self._make_network(cell)
            loss = self._make_loss(cell)
            # Several processes place the pixels on their devices, each for itself.
            together = config.devices > 1
            placement = self.placements.unplaced(self.prepared.pixels) if together else None
            training = (train_on_devices if together else train)(
                network,
                loss,
                TrainingData(
                    training=self._image_set(cell, parts["train"], placement),
                    validation=self._image_set(cell, parts["validation"], placement),
                    kind=self.prepared.task.kind,
                ),
                config=config,
                seed=cell.seed,
                folder=folder,
                listener=self._listener(cell, folder, on_validation),
            )
        # Killed right after its last checkpoint, it has a validation that only the state knows.
        self.store.write_history(folder, training.history)
        return TrainedNetwork(
            network=network,
            validation_auc=training.best.validation_auc,
            costs=RunCosts(
                parameters=costs.parameters,
                multiply_adds=costs.multiply_adds,
                train_seconds=training.train_seconds,
                capture_seconds=training.capture_seconds,
                compile_seconds=training.compile_seconds,
                images_per_second=training.iterations * config.batch_size / training.train_seconds,
                iterations=training.iterations,
                best_iteration=training.best.iteration,
            ),
        )

    def _listener(
        self, cell: Cell, folder: Path, on_validation: Callable[[Sequence[Validation]], None]
    ) -> Listener:
        """Stores the history, and shows every step, validation and note."""
        label, steps = self.label(cell), cell.network.train.max_iterations

        def validated(history: Sequence[Validation]) -> None:
            self.store.write_history(folder, history)
            self.progress.event(Validated(cell=label, **vars(history[-1])))
            on_validation(history)

        return Listener(
            on_step=lambda step: self.progress.advance(label, step, steps),
            on_validation=validated,
            on_note=lambda text: self.progress.event(Note(f"    {label}: {text}")),
        )

    def _make_network(self, cell: Cell) -> nn.Module:
        """A cell's network with its initial weights, on the device."""
        model = cell.network.model
        network = find_model(cell.model).build(
            self._shape(cell),
            pretrained=model.pretrained,
            weights_dir=self.level.model.weights_dir,
        )
        memory_format = cell.network.train.memory_format
        lay_out(network, device=self._device, memory_format=memory_format)
        if model.policy is not None:
            apply_policy(network, model.policy)
        return network

    def _shape(self, cell: Cell) -> NetworkShape:
        return NetworkShape(
            in_channels=cell.network.model.in_channels,
            outputs=len(self.prepared.task.classes),
            image_size=self.prepared.image_size,
            options=cell.network.model.options,
        )

    def _run_network(
        self, cell: Cell, folder: Path
    ) -> tuple[dict[str, NDArray[np.float64]], Outcome]:
        """Probabilities of every image of each part: a cascade may route any of them here."""
        task, settings = self.prepared.task, cell.network
        with random_state_kept(self._device):
            trained = self._trained_before(cell, folder) or self.train(cell, folder)
            predicted, seconds, logits = {}, {}, []
            for part in EVALUATED_PARTS:
                began = time.perf_counter()
                rows = self.prepared.split.parts[part]
                predictions = predict(
                    trained.network,
                    self._image_set(cell, rows),
                    kind=task.kind,
                    precision=settings.train.precision,
                )
                logits.append(predictions.logits)
                predicted[part] = predictions.probabilities.cpu().numpy()
                seconds[part] = time.perf_counter() - began
        # The test part comes last, when the device has warmed up.
        rate = len(predicted["test"]) / seconds["test"]
        costs = trained.costs.model_copy(update={"inference_images_per_second": rate})
        fault = logit_fault(torch.cat(logits))
        if fault is not None:
            self.progress.event(Note(f"    {self.label(cell)}: {LOGIT_FAULTS[fault]}"))
        return predicted, Outcome(state="finished", costs=costs, logit_fault=fault)

    def _trained_before(self, cell: Cell, folder: Path) -> TrainedNetwork | None:
        """The network of a run that lost its predictions alone; None of any other."""
        end = read_former_end(folder)
        best = checkpoint.load(folder / checkpoint.BEST, device=self._device) if end else None
        if end is None or end.costs is None or best is None:
            return None
        self.progress.event(Note(f"    {self.label(cell)}: its weights are whole; it predicts"))
        network = self._make_network(cell)
        network.load_state_dict(best["network"])
        return TrainedNetwork(network=network, costs=end.costs, validation_auc=math.nan)

    def _make_loss(self, cell: Cell) -> nn.Module:
        task, settings = self.prepared.task, cell.network
        loss = LOSSES.get(cell.loss).build(
            kind=task.kind,
            targets=self.prepared.targets[self.prepared.task_parts["train"]],
            outputs=len(task.classes),
            weighted=settings.train.class_weighting,
            options=settings.loss.options,
        )
        return loss.to(self._device)

    def _image_set(
        self, cell: Cell, rows: RowNumbers, placement: Placement | None = None
    ) -> ImageSet:
        model = cell.network.model
        return ImageSet(
            placement=placement or self.placements.get(self.prepared.pixels),
            pixel_rows=self.prepared.rows["pixel_row"].to_numpy(dtype=np.int64)[rows],
            targets=self.prepared.targets[rows],
            normalisation=find_model(cell.model).normalisation(
                model.normalisation, data=self.prepared.normalisation
            ),
            in_channels=model.in_channels,
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A cell, and what it is run with."""

    cell: Cell
    runner: CellRunner
    # Why its network cannot be trained, as known before; None where it can.
    fault: InputError | None = None

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.runner.label(self.cell)

    @cached_property
    def folder(self) -> Path:
        """The folder of its run."""
        return self.runner.store.folder(self.cell, self.runner.facts.data)


def logit_fault(logits: Tensor) -> LogitFault | None:
    """The sign that a network's logits of several images show; None for none.

    Args:
        logits: (images, outputs).
    """
    if len(logits) > 1 and bool((logits == logits[0]).all()):
        return "equal"
    if bool(((logits >= 0) & (logits <= 1)).all()):
        return "within_0_and_1"
    return None
