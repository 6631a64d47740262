"""What a CPU's arithmetic allows: ways to train the same network faster, each beside the plain one.

    python -m tools.arithmetic cxnet_m1 resnet18 --out FILE.json

A hand-written step (:class:`bench.speed.bare.BareLoop`) in each way, in interleaved rounds of as
many seconds, on random images: the network's weights with their channels last, torch's fused SGD,
autocast to bfloat16, and ``torch.compile``, whose compiling is timed apart. From these figures it
was decided which ways the harness goes on a CPU (``results/speed/README.md``).
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.environment import describe_environment
from bench.errors import first_line
from bench.registry import find_model
from bench.speed.bare import BareLoop
from bench.speed.case import NORMALISATION, OUTPUTS, Case, Workbench
from bench.speed.repeats import Repeats, long_enough, seconds_of
from bench.train.random_state import random_state_kept

CPU = torch.device("cpu")
WAYS = ("plain", "channels_last", "fused", "bfloat16", "compile")


def main() -> None:
    """Measure, print a table, write everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a way in a round")
    parser.add_argument("--way", action="append", choices=WAYS[1:], help="this one alone")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "environment": describe_environment(CPU).model_dump(),
        "command": shlex.join(["python", "-m", "tools.arithmetic", *sys.argv[1:]]),
        "models": [],
    }
    for model in arguments.models:
        case = Case(
            model=model,
            image_size=arguments.image_size,
            batch_size=arguments.batch_size,
            device="cpu",
            threads=arguments.threads,
        )
        row = compare_ways(
            case,
            ways=("plain", *(arguments.way or WAYS[1:])),
            rounds=arguments.rounds,
            seconds=arguments.seconds,
        )
        found["models"].append({"model": model} | row)
        for way, facts in row.items():
            if "failed" in facts:
                print(f"{model:24} {way:14} failed: {facts['failed']}", flush=True)
            else:
                ratio = facts["ratio"]
                print(
                    f"{model:24} {way:14} {ratio['median']:.2f} "
                    f"({ratio['min']:.2f} to {ratio['max']:.2f})",
                    flush=True,
                )
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def compare_ways(
    case: Case, *, ways: Sequence[str], rounds: int, seconds: float
) -> dict[str, dict[str, Any]]:
    """The rate of each way, and its ratio to the plain one's in the same round.

    Args:
        case: the network and its setting.
        ways: of :data:`WAYS`, ``plain`` first.
        rounds: each way once in each.
        seconds: of each way in a round, about.
    """
    with random_state_kept(CPU):
        loops: dict[str, BareLoop] = {}
        facts: dict[str, dict[str, Any]] = {}
        for way in ways:
            try:
                loop = make_loop(case, way)
                first = seconds_of(partial(loop, 1), device=CPU)
            except Exception as error:
                facts[way] = {"failed": first_line(error)}
                continue
            loops[way] = loop
            facts[way] = {"first_step_seconds": first}
        if "plain" not in loops:  # with nothing to hold the others against
            return facts
        steps = {way: long_enough(loop, device=CPU, seconds=seconds) for way, loop in loops.items()}
        rates: dict[str, list[float]] = {way: [] for way in loops}
        for number in range(rounds):
            order = list(loops) if number % 2 == 0 else list(loops)[::-1]
            for way in order:
                took = seconds_of(partial(loops[way], steps[way]), device=CPU)
                rates[way].append(steps[way] * case.batch_size / took)
    for way, each in rates.items():
        ratios = tuple(a / b for a, b in zip(each, rates["plain"], strict=True))
        facts[way] |= {
            "images_per_second": Repeats(tuple(each)).describe(),
            "ratio": Repeats(ratios).describe(),
        }
    if "compile" in rates:
        plain, compiled = (Repeats(tuple(rates[way])).median for way in ("plain", "compile"))
        facts["compile"]["break_even_steps"] = break_even(
            facts["compile"]["first_step_seconds"] - facts["plain"]["first_step_seconds"],
            gain=case.batch_size * (1 / plain - 1 / compiled),
        )
    return facts


def break_even(seconds: float, *, gain: float) -> int | None:
    """Steps after which a way has made up for its dearer first step; None for never.

    Args:
        seconds: that the first step took more than the plain way's.
        gain: seconds that each step saves.
    """
    if gain <= 0:
        return None
    return max(0, math.ceil(seconds / gain))


def make_loop(case: Case, way: str) -> BareLoop:
    """The hand-written loop, made in a way."""
    bench = Workbench(replace(case, precision="bfloat16" if way == "bfloat16" else "float32"))
    network = find_model(case.model).build(
        in_channels=case.in_channels, outputs=OUTPUTS, image_size=case.image_size
    )
    change: Callable[[nn.Module], Any] = (lambda n: n) if way != "compile" else torch.compile
    loop = BareLoop(
        change(network),
        pixels=bench.pixels,
        targets=bench.targets,
        normalisation=NORMALISATION,
        in_channels=case.in_channels,
        batch_size=case.batch_size,
        precision=bench.precision,
        device=CPU,
        fused=True if way == "fused" else None,
    )
    if way == "channels_last":
        network.to(memory_format=torch.channels_last)
    return loop


if __name__ == "__main__":
    main()
