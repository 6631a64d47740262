"""What only a GPU can tell: right numbers with graphs, bfloat16 and compilation, and rates.

``python -m tools.gpu_check FOLDER`` runs every check, about eight minutes on one GPU, and writes a
JSON file for each into FOLDER. Exit code 1 where a check failed; 2 where there is no GPU. With
``--device cpu`` it rehearses itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.config.schema import AugmentConfig, Precision, TrainConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.data.normalisation import measure_normalisation
from bench.data.placement import InHostMemory, MemoryMapped, OnDevice
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.registry import DATASETS, LOSSES, find_model
from bench.speed.against import Rival, compare
from bench.speed.case import Case
from bench.speed.machine import describe_machine
from bench.speed.measure import measure
from bench.train import Listener, TrainingData, cuda_graph, lay_out, make_step, train
from bench.train.cuda_graph import WARM_UP_STEPS, GraphedStep, StepRunner
from bench.train.step import Step

CPU = torch.device("cpu")
SEED, BATCH, SIDE = 3, 16, 64
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
CONFIG = TrainConfig(
    lr=0.01,
    batch_size=BATCH,
    augment=AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1),
)
MODELS = ("cxnet_m1", "resnet18")
# Relative, over the first steps: a bfloat16 has 8 bits, TF32, in which CUDA computes float32
# convolutions, has 11. Later steps make more of a difference than they were given.
LOSS: dict[Precision, float] = {"float32": 0.01, "bfloat16": 0.03}
FIRST_STEPS = 3
# Kernels that add in no fixed order differ in the last bits.
SAME_LOSS = 0.01
# Three seeds on a CPU have a standard deviation of 0.009: three times that of two means.
MEAN_AUC = 0.025
# The least ratios of median rates: of replayed to plain steps, and of the harness to a bare loop.
OVER_EAGER = {"cxnet_m1": 0.0, "resnet18": 0.0, "densenet121": 2.0, "efficientnet_b0": 2.0}
OVER_BARE = dict.fromkeys(("cxnet_m1", "resnet18", "mobilenetv3_small_100", "densenet121"), 0.97)

Found = dict[str, Any]


class Phantom:
    """Synthetic radiographs with their targets (normal or abnormal)."""

    def __init__(self, images: int) -> None:
        study = DATASETS.get("phantom").open(root=None, image_size=SIDE, options={"images": images})
        assert study.reader is not None
        names = study.rows["image"]
        self.pixels = np.stack([study.reader.read(name) for name in names])
        self.targets = make_task("m1").targets(study.rows)
        self.normalisation = measure_normalisation(self.pixels, np.arange(len(names)))

    def part(self, placed: Any, rows: range) -> ImageSet:
        """Some of the images, wherever they are placed."""
        index = np.asarray(rows, dtype=np.int64)
        return ImageSet(
            pixels=placed,
            pixel_rows=index,
            targets=self.targets[index],
            normalisation=self.normalisation,
            in_channels=1,
        )

    def on(self, device: torch.device) -> ImageSet:
        """All images on a device."""
        return self.part(OnDevice(self.pixels, device=device), range(len(self.pixels)))


def make_network(model: str, device: torch.device, *, seed: int = SEED) -> nn.Module:
    """A registered network with two outputs, its weights drawn on the CPU."""
    torch.manual_seed(seed)
    network = find_model(model).build(in_channels=1, outputs=2, image_size=SIDE)
    return lay_out(network, device=device, memory_format="auto")


def step_of(network: nn.Module, images: ImageSet, config: TrainConfig = CONFIG) -> Step:
    """A training step with the paper's loss."""
    loss = LOSSES.get("sin").factory(kind="multiclass", class_weights=None).to(images.device)
    return make_step(network.train(), loss, images, config=config, seed=SEED)


def losses_of(way: Callable[[int], Tensor], numbers: Iterable[int]) -> list[float]:
    """Losses of some steps."""
    return [way(number).item() for number in numbers]


def largest_relative(reference: list[float], other: list[float]) -> float:
    """The largest relative difference of as many numbers; NaN where one of them is."""
    a, b = (torch.tensor(values, dtype=torch.float64) for values in (reference, other))
    return float(((a - b).abs() / a.abs()).max())


def placements(device: torch.device) -> Found:
    """The three placements give the CPU's batches, augmented."""
    data, rows = Phantom(200), range(150)

    def batches(placed: Any) -> Tensor:
        stream = TrainingStream(
            data.part(placed, rows), batch_size=BATCH, seed=SEED, augment=CONFIG.augment
        )
        return torch.stack([stream.batch(number)[0].cpu() for number in range(12)])

    reference = batches(MemoryMapped(data.pixels, device=CPU))
    off = {
        kind.__name__: float((batches(kind(data.pixels, device=device)) - reference).abs().max())
        for kind in (OnDevice, InHostMemory, MemoryMapped)
    }
    failed = [f"{name} is {value:g} off" for name, value in off.items() if not value <= 1e-4]
    return {"largest_difference_from_cpu": off, "failed": failed}


def graphs(device: torch.device) -> Found:
    """Replayed steps have the losses of plain ones, before and after a decay."""
    data = Phantom(400).on(device)
    found: Found = {"tolerance": SAME_LOSS, "failed": []}
    for model in MODELS:
        for precision in PRECISIONS:
            config = CONFIG.model_copy(update={"precision": precision})
            losses: dict[str, list[float]] = {}
            for name in ("plain", "replayed"):
                step = step_of(make_network(model, device), data, config)
                losses_of(step, range(WARM_UP_STEPS))
                way = GraphedStep(step) if name == "replayed" else step
                losses[name] = losses_of(way, range(WARM_UP_STEPS, WARM_UP_STEPS + FIRST_STEPS))
                for group in step.optimizer.param_groups:
                    group["lr"] /= 10
                losses[name] += losses_of(way, range(WARM_UP_STEPS + FIRST_STEPS, 12))
            off = largest_relative(*(losses[name][: 2 * FIRST_STEPS] for name in losses))
            found[f"{model} {precision}"] = losses | {"relative_difference": off}
            if not off <= SAME_LOSS:
                found["failed"].append(f"{model} {precision}: losses are {off:.3g} off")
    return found


class Waits(nn.Module):
    """Changes nothing, but reads a number back, which ends a capture."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(max=x.max().item())


def refusal(device: torch.device) -> Found:
    """A network that cannot be captured trains on as if nobody had tried."""
    data = Phantom(400).on(device)
    notes: list[str] = []

    def step() -> Step:
        torch.manual_seed(SEED)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Dropout(0.5), Waits(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(32, 2),
        )  # fmt: skip
        return step_of(lay_out(network, device=device, memory_format="auto"), data)

    plain = losses_of(step(), range(60))
    runner = StepRunner(step(), end=10**9, on_note=notes.append)
    tried = [loss.item() for loss in runner(range(60))]
    off = largest_relative(plain, tried)
    failed = [] if off <= SAME_LOSS else [f"losses are {off:.3g} off the plain ones"]
    if not any("are not replayed" in note and "ms each" not in note for note in notes):
        failed.append("the step was not refused")
    return {"relative_difference": off, "notes": notes, "failed": failed}


def precision(device: torch.device) -> Found:
    """The first losses agree with float32 on the CPU, without dropout; compiled ones too."""
    data = Phantom(400)
    found: Found = {"tolerance": LOSS, "failed": []}

    def losses(model: str, where: torch.device, **settings: Any) -> list[float]:
        network = make_network(model, where)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        step = step_of(network, data.on(where), CONFIG.model_copy(update=settings))
        return losses_of(step, range(FIRST_STEPS))

    for model in MODELS:
        reference = losses(model, CPU, precision="float32")
        for name in PRECISIONS:
            for compiled in (False, True) if model == "cxnet_m1" else (False,):
                on_device = losses(model, device, precision=name, compile=compiled)
                off = largest_relative(reference, on_device)
                key = f"{model} {name}{' compiled' if compiled else ''}"
                found[key] = {
                    "cpu": reference, "device": on_device, "relative_difference": off,
                }  # fmt: skip
                if not off <= LOSS[name]:
                    found["failed"].append(f"{key}: losses are {off:.3g} off the CPU's")
    return found


def trainings(device: torch.device, *, images: int = 2400, iterations: int = 320) -> Found:
    """Whole trainings, replayed, reach the mean AUC of those on the CPU in float32."""
    data = Phantom(images)
    cuda_graph.WORTH_SECONDS = 0.0  # replayed, however short
    found: Found = {"tolerance": MEAN_AUC, "failed": []}
    ways = [(CPU, "float32"), *((device, precision) for precision in PRECISIONS)]
    for number, (where, name) in enumerate(ways):
        aucs: list[float] = []
        notes: list[str] = []
        for seed in range(3):
            placed = OnDevice(data.pixels, device=where)
            learned = 2 * images // 3
            parts = TrainingData(
                training=data.part(placed, range(learned)),
                validation=data.part(placed, range(learned, images)),
                kind="multiclass",
            )
            settings = {
                "lr": 0.02, "augment": AugmentConfig(), "precision": name, "patience": 1,
                "max_iterations": iterations, "validate_every": iterations // 5,
                "decay_factor": 2.0,
            }  # fmt: skip
            loss = LOSSES.get("sin").factory(kind="multiclass", class_weights=None).to(where)
            with tempfile.TemporaryDirectory() as folder:
                done = train(
                    make_network("cxnet_m1", where, seed=seed),
                    loss,
                    parts,
                    config=CONFIG.model_copy(update=settings),
                    seed=seed,
                    folder=Path(folder),
                    listener=Listener(on_note=notes.append),
                )
            aucs.append(done.best.validation_auc)
        found[f"{number} {where.type} {name}"] = {"auc": aucs, "mean": mean(aucs), "notes": notes}
        off = mean(aucs) - found["0 cpu float32"]["mean"]
        if not abs(off) <= MEAN_AUC:
            found["failed"].append(f"{where.type} {name}: the mean AUC is {off:+.4f} off the CPU's")
        if where.type == "cuda" and not any("ms each" in note for note in notes):
            found["failed"].append(f"{where.type} {name}: no replayed step was timed")
    return found


def case_of(model: str, device: torch.device) -> Case:
    """The paper's size on a GPU, a small one for a rehearsal."""
    if device.type == "cuda":
        return Case(model=model, image_size=224, batch_size=32, device="cuda")
    return Case(model=model, image_size=32, batch_size=4, device="cpu")


def against(device: torch.device, rival: Rival, least: dict[str, float]) -> Found:
    """Median rates over a rival's; on a CPU they are not judged."""
    rows: list[Found] = []
    failed = []
    for model, bound in least.items():
        found = compare(case_of(model, device), rival=rival, rounds=5, block_seconds=0.3)
        ratio = found.ratios.median
        rows.append(found.describe())
        print(f"  {model:24} {ratio:.3f} of {rival}'s rate", flush=True)
        if device.type == "cuda" and not ratio >= bound:
            failed.append(f"{model}: {ratio:.3f} of {rival}'s rate, less than {bound:g}")
    return {"models": rows, "least": least, "failed": failed}


def speed(device: torch.device) -> Found:
    """Every figure of ``bench speed``."""
    machine = describe_machine(case_of("cxnet_m1", device), repeats=5)
    assert machine.flops is not None
    models = (*OVER_EAGER, "mobilenetv3_small_100", "resnet50")
    rows = [measure(case_of(model, device), repeats=5, block_seconds=0.3) for model in models]
    return {"device_flops": machine.flops, "models": [row.describe(machine.flops) for row in rows]}


CHECKS: dict[str, Callable[[torch.device], Found]] = {
    "placements": placements,
    "graphs": graphs,
    "refusal": refusal,
    "precision": precision,
    "trainings": trainings,
    "against_eager": lambda device: against(device, "eager", OVER_EAGER),
    "against_bare": lambda device: against(device, "bare", OVER_BARE),
    "speed": speed,
}
NEED_CUDA = ("graphs", "refusal", "against_eager")


def main(words: list[str] | None = None) -> int:
    """Run the checks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_check", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    parser.add_argument("--part", action="append", choices=list(CHECKS), help="this one alone")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    arguments = parser.parse_args(words)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("error: no CUDA device here: this script measures one", file=sys.stderr)
        return 2
    device = torch.device(arguments.device)
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    environment = describe_environment(device).model_dump(mode="json")
    bad: list[str] = []
    for name in arguments.part or CHECKS:
        if device.type != "cuda" and name in NEED_CUDA:
            print(f"{name}: left out, it needs CUDA", flush=True)
            continue
        began = time.monotonic()
        try:
            found = CHECKS[name](device)
        except Exception:
            found = {"failed": [traceback.format_exc()]}
        seconds = round(time.monotonic() - began, 1)
        whole = {"environment": environment, "seconds": seconds} | found
        (folder / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        failed = found.get("failed", [])
        bad += [name] if failed else []
        print(f"{name}: {'; '.join(failed) or 'done'} in {seconds} s", flush=True)
    print(f"failed: {', '.join(bad)}" if bad else "all is well")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
