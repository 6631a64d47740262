"""Runs the programs in turn, round after round: ``python -m tools.peers.compare --help``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from tools.peers.image_folder import divide, read_manifest, write_image_folder
from tools.peers.measure import FailedError, measure
from tools.peers.programs import Steps, Work, bench_command, lightning_command, timm_command

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("bench", "timm", "lightning")
# `bench run` always predicts a test part, which the others do not have: it is kept small.
TEST_IMAGES = 16
FIGURES = {
    "seconds": "whole process, s",
    "first_step_s": "to the end of the first step, s",
    "images_per_second": "training images/s",
    "largest_mib": "largest process, MiB",
}
# Run in another process, so that this one stays small (see `measure`); it also loads every library
# once, so that the first round does not pay for compiling them.
DESCRIBE = """
import json, sys
import lightning, torch, timm.models, bench.execute.experiment
from bench.environment import describe_environment
about = describe_environment(torch.device(sys.argv[1])).model_dump()
about["versions"]["lightning"] = lightning.__version__
print(json.dumps(about))
"""

Round = Mapping[str, Mapping[str, float]]


def main() -> None:
    """Compare, write the figures of every round, print the tables."""
    arguments = _parse()
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(arguments.threads),
        "PYTHONUNBUFFERED": "1",  # a line is timed when it arrives here
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "HF_HUB_OFFLINE": "1",
    }
    # A checkout is compiled when it is first used, and would be in every round.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    about = _describe(arguments, environment)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="peers-") as temporary:
        work = _make_work(arguments, Path(temporary) / "images")
        for number in range(arguments.rounds):
            first = number % len(NAMES)  # every program in every place
            found = {}
            for name in NAMES[first:] + NAMES[:first]:
                folder = Path(temporary) / f"{number}-{name}"
                folder.mkdir()
                found[name] = _run(name, work, arguments.timm_train, folder, environment)
                line = ", ".join(f"{key} {value:.1f}" for key, value in found[name].items())
                print(f"round {number + 1}, {name}: {line}", flush=True)
            rounds.append(found)
            # After every round: what was measured outlasts an interruption.
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**about, "rounds": rounds}, indent=1)
            arguments.out.write_text(text + "\n", encoding="utf-8")
    print(f"\n{markdown(rounds)}", end="")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="bench run beside timm's train.py and a Lightning Trainer, on the same images."
    )
    parser.add_argument("manifest", type=Path, help="a CSV file with path, label and patient")
    parser.add_argument(
        "--timm-train", type=Path, required=True, metavar="FILE",
        help="train.py of github.com/huggingface/pytorch-image-models",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="FILE.json")
    cores = os.cpu_count() or 1
    for name, default in {
        "rounds": 5, "train-images": 800, "validation-images": 200, "epochs": 2, "image-size": 64,
        "batch-size": 32, "threads": cores, "workers": cores,
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", default="resnet18", help="a name that timm and bench share")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if arguments.epochs < 2 or arguments.train_images % arguments.batch_size:
        # The others drop an incomplete batch, `bench run` fills it from the next epoch.
        parser.error("two epochs at least, and --train-images a multiple of --batch-size")
    arguments.timm_train = arguments.timm_train.resolve(strict=True)
    return arguments


def _describe(arguments: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
    """The machine, the versions, the commit, the date, and the command."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, arguments.device],
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit("error: the programs cannot be imported (above); see tools/peers/README.md")
    return {
        **json.loads(done.stdout),
        "timm_train_sha256": sha256(arguments.timm_train.read_bytes()).hexdigest(),
        "command": shlex.join(["python", "-m", "tools.peers.compare", *sys.argv[1:]]),
        "settings": {
            key: value for key, value in vars(arguments).items() if not isinstance(value, Path)
        },
    }


def _make_work(arguments: argparse.Namespace, images: Path) -> Work:
    sizes = {
        "train": arguments.train_images,
        "validation": arguments.validation_images,
        "test": TEST_IMAGES,
    }
    try:
        write_image_folder(divide(read_manifest(arguments.manifest), sizes), images)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    same = ("train_images", "image_size", "batch_size", "model", "precision", "device", "workers")
    return Work(
        images=images,
        epochs=arguments.epochs,
        **{name: getattr(arguments, name) for name in same},
    )


def _run(
    name: str, work: Work, timm_train: Path, folder: Path, environment: Mapping[str, str]
) -> dict[str, float]:
    out = folder / "out"
    commands = {
        "bench": bench_command(work, out),
        "timm": timm_command(work, out, script=timm_train),
        "lightning": lightning_command(work, out),
    }
    steps = Steps(work=work)
    try:
        measured = measure(
            commands[name],
            # A cache of its own: images are decoded in every run.
            environment={**environment, "CXNET_BENCH_CACHE": str(folder / "cache")},
            folder=folder,
            on_line=steps.read,
        )
    except FailedError as error:
        sys.exit(f"error: {name}: {error}")
    if steps.first_step_s is None or steps.images_per_second is None:
        sys.exit(f"error: the output of {name} does not tell its steps as expected")
    return measured | {
        "first_step_s": steps.first_step_s,
        "images_per_second": steps.images_per_second,
    }


def ratios(rounds: Sequence[Round], figure: str, peer: str) -> list[float]:
    """Ours over the peer's in each round: what disturbs a whole round cancels out."""
    return [found["bench"][figure] / found[peer][figure] for found in rounds]


def markdown(rounds: Sequence[Round]) -> str:
    """A table of medians, and of ratios with their range."""
    lines = [
        f"| {len(rounds)} rounds | " + " | ".join(FIGURES.values()) + " |",
        "|:--" + "|--:" * len(FIGURES) + "|",
    ]
    for name in NAMES:
        middle = (median(found[name][figure] for found in rounds) for figure in FIGURES)
        lines.append(f"| {name} | " + " | ".join(f"{value:,.4g}" for value in middle) + " |")
    for peer in NAMES[1:]:
        spreads = (ratios(rounds, figure, peer) for figure in FIGURES)
        cells = (f"{median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in spreads)
        lines.append(f"| bench / {peer} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
