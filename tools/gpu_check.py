"""Checks that only a GPU can make: right numbers with graphs, bfloat16 and compilation, and rates.

``python -m tools.gpu_check FOLDER`` runs every check, about eight minutes on one GPU, and writes a
JSON file for each into FOLDER. Exit code 1 where a check failed; 2 where there is no GPU. With
``--device cpu`` it rehearses itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.config.schema import AugmentConfig, Precision, TrainConfig
from bench.data.batches import ImageSet
from bench.data.image_files import to_bytes
from bench.data.normalisation import measure_normalisation
from bench.data.placement import OnDevice
from bench.data.tasks import make_task
from bench.environment import describe_environment
from bench.registry import DATASETS, LOSSES, NetworkShape, find_model
from bench.speed.against import Rival, compare
from bench.speed.case import Case
from bench.speed.machine import describe_machine
from bench.speed.measure import measure
from bench.train.device import lay_out
from bench.train.history import Listener, TrainingData
from bench.train.loop import train
from bench.train.step import make_step

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
# Three seeds on a CPU have a standard deviation of 0.009: three times that of two means.
MEAN_AUC = 0.025
# The least ratios of median rates: of replayed to plain steps, and of the harness to a bare loop.
OVER_EAGER = {"cxnet_m1": 0.0, "resnet18": 0.0, "densenet121": 2.0, "efficientnet_b0": 2.0}
OVER_BARE = dict.fromkeys(("cxnet_m1", "resnet18", "mobilenetv3_small_100", "densenet121"), 0.97)

# Tests that skip without CUDA: placements give the CPU's batches, replayed steps the losses of
# plain ones, and a network that cannot be captured trains on.
TESTS = (
    "tests/bench/data/test_placement.py",
    "tests/bench/train/test_cuda_graph.py",
    "tests/bench/train/test_device.py",
    "tests/bench/speed",
)

Found = dict[str, Any]


class Phantom:
    """Synthetic radiographs with their targets (normal or abnormal)."""

    def __init__(self, images: int) -> None:
        study = DATASETS.get("phantom").open(root=None, image_size=SIDE, options={"images": images})
        assert study.reader is not None
        read = study.reader.read
        self.pixels = np.stack([to_bytes(read(i), full_scale=None) for i in study.rows["image"]])
        self.targets = make_task("m1").targets(study.rows)
        self.normalisation = measure_normalisation(self.pixels, np.arange(len(self.pixels)))

    def part(self, placed: OnDevice, rows: range) -> ImageSet:
        """Some of the images, on the device where they are placed."""
        index = np.asarray(rows, dtype=np.int64)
        return ImageSet(
            placement=placed,
            pixel_rows=index,
            targets=self.targets[index],
            normalisation=self.normalisation,
            in_channels=1,
        )


def make_network(model: str, device: torch.device, *, seed: int = SEED) -> nn.Module:
    """A registered network with two outputs, its weights drawn on the CPU."""
    torch.manual_seed(seed)
    shape = NetworkShape(in_channels=1, outputs=2, image_size=SIDE)
    network = find_model(model).build(shape)
    return lay_out(network, device=device, memory_format="auto")


def make_loss(device: torch.device) -> nn.Module:
    """The paper's loss."""
    loss: nn.Module = LOSSES.get("sin").factory(kind="multiclass", class_weights=None)
    return loss.to(device)


def cuda_tests(_: torch.device) -> Found:
    """The suite's own tests of CUDA pass."""
    command = [sys.executable, "-m", "pytest", "-q", *TESTS]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    return {"output": done.stdout, "failed": ["pytest"] if done.returncode else []}


def precision(device: torch.device) -> Found:
    """The first losses agree with float32 on the CPU, without dropout; compiled ones too."""
    data = Phantom(400)
    found: Found = {"tolerance": LOSS, "failed": []}

    def losses(model: str, where: torch.device, **settings: Any) -> list[float]:
        network = make_network(model, where)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        images = data.part(OnDevice(data.pixels, device=where), range(400))
        config = CONFIG.model_copy(update=settings)
        step = make_step(network.train(), make_loss(where), images, config=config, seed=SEED)
        return [step(number).item() for number in range(FIRST_STEPS)]

    for model in MODELS:
        reference = losses(model, CPU, precision="float32")
        for name in PRECISIONS:
            for compiled in (False, True) if model == "cxnet_m1" else (False,):
                on_device = losses(model, device, precision=name, compile=compiled)
                a, b = np.array(reference), np.array(on_device)
                off = float((np.abs(a - b) / np.abs(a)).max())
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
            with tempfile.TemporaryDirectory() as folder:
                done = train(
                    make_network("cxnet_m1", where, seed=seed),
                    make_loss(where),
                    parts,
                    config=CONFIG.model_copy(update=settings),
                    seed=seed,
                    folder=Path(folder),
                    listener=Listener(on_note=notes.append),
                )
            aucs.append(done.best.validation_auc)
            captured = done.capture_seconds > 0
        found[f"{number} {where.type} {name}"] = {"auc": aucs, "mean": mean(aucs), "notes": notes}
        off = mean(aucs) - found["0 cpu float32"]["mean"]
        if not abs(off) <= MEAN_AUC:
            found["failed"].append(f"{where.type} {name}: the mean AUC is {off:+.4f} off the CPU's")
        if where.type == "cuda" and (notes or not captured):
            found["failed"].append(f"{where.type} {name}: no step was replayed")
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
    models = (*OVER_EAGER, "mobilenetv3_small_100", "resnet50")
    rows = [measure(case_of(model, device), repeats=5, block_seconds=0.3) for model in models]
    return {"device_flops": machine.flops, "models": [row.describe(machine) for row in rows]}


CHECKS: dict[str, Callable[[torch.device], Found]] = {
    "cuda_tests": cuda_tests,
    "precision": precision,
    "trainings": trainings,
    "against_eager": lambda device: against(device, "eager", OVER_EAGER),
    "against_bare": lambda device: against(device, "bare", OVER_BARE),
    "speed": speed,
}
NEED_CUDA = ("cuda_tests", "against_eager")


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
