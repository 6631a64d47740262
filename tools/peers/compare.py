"""Runs the programs in turn, round after round: ``python -m tools.peers.compare --help``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tools.peers.image_folder import divide, read_manifest, write_image_folder
from tools.peers.measure import FailedError, measure
from tools.peers.programs import Bench, Lightning, Program, Timm, Work
from tools.peers.table import OURS, markdown

ROOT = Path(__file__).resolve().parents[2]
# `bench run` always judges a test part, which the others do not have: it is kept small.
TEST_IMAGES = 16

# Asked of another process, so that this one stays small (see `measure`); it also loads every
# library once, so that the first round does not pay for compiling them.
DESCRIBE = """
import json, sys
import lightning, torch, timm.models, bench.execute
from bench.environment import describe_environment
about = describe_environment(torch.device(sys.argv[1])).model_dump()
about["versions"]["lightning"] = lightning.__version__
print(json.dumps(about))
"""


def main() -> None:
    """Compare, write both files, print the tables."""
    asked = _parse()
    inherited = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(asked.threads),
        "PYTHONUNBUFFERED": "1",  # a line is timed when it arrives here
        "PYTHONPATH": f"{ROOT}{os.pathsep}{inherited}" if inherited else str(ROOT),
        "HF_HUB_OFFLINE": "1",
    }
    # Ours may lie in a checkout: unlike what was installed, that is compiled when it is first used,
    # and would be again in every round if Python were told not to keep it.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    about = _describe(asked, environment)
    rounds: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory(prefix="peers-") as temporary:
        work = _make_work(asked, Path(temporary) / "images")
        for number in range(asked.rounds):
            one: dict[str, dict[str, float]] = {}
            for name in _order(number):
                folder = Path(temporary) / f"{number}-{name}"
                folder.mkdir()
                one[name] = _run(name, work, asked.timm_train, folder, environment)
                figures = ", ".join(f"{key} {value:.1f}" for key, value in one[name].items())
                print(f"round {number + 1}, {name}: {figures}", flush=True)
            rounds.append(one)
            # After every round: what was measured outlasts an interruption.
            _write(asked.out, about, rounds)
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
    parser.add_argument("--out", type=Path, required=True, help="FILE.json; FILE.md lies beside it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train-images", type=int, default=800)
    parser.add_argument("--validation-images", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--model", default="resnet18", help="a name that timm and bench share")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    cores = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=cores, help="of torch, for every program")
    parser.add_argument("--workers", type=int, default=cores, help="that decode images")
    asked = parser.parse_args()
    if asked.rounds < 1 or asked.epochs < 2 or asked.train_images < 2 * asked.batch_size:
        parser.error("one round, two epochs and two steps an epoch at least")
    if asked.train_images % asked.batch_size:
        # The others drop an incomplete batch, `bench run` fills it from the next epoch.
        parser.error("--train-images has to be a multiple of --batch-size")
    for file in (asked.manifest, asked.timm_train):
        if not file.is_file():
            parser.error(f"no file {str(file)!r}")
    asked.timm_train = asked.timm_train.resolve()
    return asked


def _describe(asked: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
    """The machine, the versions, the commit, the date, and what was asked."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, asked.device],
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit("error: the programs cannot be imported (above); see tools/peers/README.md")
    return {
        **json.loads(done.stdout),
        "timm_train_sha256": sha256(asked.timm_train.read_bytes()).hexdigest(),
        "command": shlex.join(["python", "-m", "tools.peers.compare", *sys.argv[1:]]),
        "settings": {
            key: value for key, value in vars(asked).items() if not isinstance(value, Path)
        },
    }


def _make_work(asked: argparse.Namespace, images: Path) -> Work:
    sizes = {
        "train": asked.train_images,
        "validation": asked.validation_images,
        "test": TEST_IMAGES,
    }
    try:
        parts = divide(read_manifest(asked.manifest), sizes)
    except ValueError as error:
        sys.exit(f"error: {error}")
    write_image_folder(parts, images)
    return Work(
        images=images,
        train_images=asked.train_images,
        image_size=asked.image_size,
        batch_size=asked.batch_size,
        model=asked.model,
        precision=asked.precision,
        device=asked.device,
        workers=asked.workers,
        epochs=asked.epochs,
    )


def _order(number: int) -> list[str]:
    """Every program in every place, over the rounds."""
    names = [OURS, "timm", "lightning"]
    start = number % len(names)
    return names[start:] + names[:start]


def _run(
    name: str, work: Work, timm_train: Path, folder: Path, environment: Mapping[str, str]
) -> dict[str, float]:
    programs: dict[str, Program] = {
        OURS: Bench(work=work),
        "timm": Timm(work=work, script=timm_train),
        "lightning": Lightning(work=work),
    }
    program = programs[name]
    try:
        measured = measure(
            program.command(work, folder / "out"),
            # A cache of its own: images are decoded in every run.
            environment={**environment, "CXNET_BENCH_CACHE": str(folder / "cache")},
            folder=folder,
            on_line=program.read,
        )
    except FailedError as error:
        sys.exit(f"error: {name}: {error}")
    figures = {**asdict(measured), **asdict(program.reading)}
    if None in figures.values():
        sys.exit(f"error: the output of {name} does not tell its steps as expected")
    return figures


def _write(file: Path, about: Mapping[str, Any], rounds: list[dict[str, dict[str, float]]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**about, "rounds": rounds}, indent=1) + "\n", encoding="utf-8")
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    asked = ", ".join(f"{key} {value}" for key, value in about["settings"].items())
    head = [
        f"`{about['command']}`",
        "",
        f"{about['device']}; {versions}; commit {about['commit']}; {about['date']}; {asked}.",
        "",
        "",
    ]
    file.with_suffix(".md").write_text("\n".join(head) + markdown(rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
