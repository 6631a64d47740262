"""What else torch offers to make a step faster: each beside the way that the harness goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from bench.errors import first_line
from bench.speed.case import Case, Workbench
from bench.speed.measure import Consecutive
from bench.speed.repeats import Repeats, long_enough, seconds_of
from bench.train.random_state import random_state_kept
from tools.arithmetic import break_even
from tools.gpu_check.rates import ROUNDS, SECONDS, setting

Setting = Callable[[], AbstractContextManager[None]]
"""Makes a block in which torch is set otherwise."""
Ways = Mapping[str, Callable[[int], object]]
"""What does so many steps, by name."""


def levers(
    device: torch.device, *, models: Sequence[str], seconds: float = SECONDS
) -> dict[str, Any]:
    """Settings of torch that the harness leaves alone: on against off.

    ``cudnn.benchmark`` tries out cuDNN's ways to compute a convolution, and ``high`` lets float32
    matrix products be computed in TF32, as convolutions in float32 are anyway; so that one is
    measured in float32. Graphs are replayed where there can be any, so that the host's part does
    not hide the device's.

    Args:
        device: where.
        models: registered names.
        seconds: of a block.
    """
    case = setting(device)
    found: dict[str, Any] = {"models": [], "failed": []}
    for model in models:
        one = replace(case, model=model)
        for lever, switched, its_case in (
            ("cudnn.benchmark", _cudnn_benchmark, one),
            ("float32_matmul_precision high", _tf32_products, replace(one, precision="float32")),
        ):
            try:
                took = _on_and_off(its_case, switched, seconds=seconds)
            except Exception as error:
                found["failed"].append(f"{model}, {lever}: {first_line(error)}")
                continue
            ratio = Repeats(
                tuple(b / a for a, b in zip(took["on"].values, took["off"].values, strict=True))
            )
            print(f"  {model:24} {lever}: {ratio.median:.3f} times the rate", flush=True)
            found["models"].append(
                {"model": model, "lever": lever, "ratio": ratio.describe()}
                | {name: each.describe() for name, each in took.items()}
            )
    return found


def _on_and_off(case: Case, switched: Setting, *, seconds: float) -> dict[str, Repeats]:
    """Seconds of a step with a setting on and off."""

    def make(context: Setting) -> Callable[[int], None]:
        with context():
            bench = Workbench(case)
            run = Consecutive(_as_in_a_run(bench))
            run(1)  # recorded with the setting that it is for

        def some(steps: int) -> None:
            with context():
                run(steps)

        return some

    with random_state_kept(torch.device(case.device)):
        ways = {"off": make(nullcontext), "on": make(switched)}
        return step_seconds(ways, device=torch.device(case.device), seconds=seconds)


@contextmanager
def _cudnn_benchmark() -> Iterator[None]:
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def _tf32_products() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def compiled(
    device: torch.device, *, models: Sequence[str], seconds: float = SECONDS
) -> dict[str, Any]:
    """Compiled networks (``train.compile``) against plain ones: rates, break-even.

    Both are replayed where there can be graphs, as a run would.

    Args:
        device: where.
        models: registered names.
        seconds: of a block.
    """
    found: dict[str, Any] = {"models": [], "failed": []}
    for model in models:
        try:
            case = replace(setting(device), model=model)
            found["models"].append(_compiled(case, seconds=seconds))
        except Exception as error:
            found["failed"].append(f"{model}: {first_line(error)}")
    return found


def _compiled(case: Case, *, seconds: float) -> dict[str, Any]:
    with random_state_kept(torch.device(case.device)):
        benches = {
            name: Workbench(replace(case, compiled=name == "compiled"))
            for name in ("plain", "compiled")
        }
        device = benches["plain"].device
        # The plain step goes first: what the libraries set up once is no part of compiling.
        first = {
            name: seconds_of(partial(bench.step, 0), device=device)
            for name, bench in benches.items()
        }
        ways = {name: Consecutive(_as_in_a_run(bench)) for name, bench in benches.items()}
        took = step_seconds(ways, device=device, seconds=seconds)
    gain = took["plain"].median - took["compiled"].median
    compiling = first["compiled"] - took["plain"].median
    print(
        f"  {case.model:24} compiled: {took['plain'].median / took['compiled'].median:.3f} times "
        f"the rate, after {compiling:.0f} s",
        flush=True,
    )
    return {
        "model": case.model,
        "first_step_seconds": first,
        "compile_seconds": compiling,
        "step_seconds": {name: each.describe() for name, each in took.items()},
        "break_even_steps": break_even(compiling, gain=gain),
    }


def _as_in_a_run(bench: Workbench) -> Callable[[int], object]:
    return bench.graphed_step() if bench.device.type == "cuda" else bench.step


def step_seconds(ways: Ways, *, device: torch.device, seconds: float) -> dict[str, Repeats]:
    """Seconds of a step in each way, in interleaved rounds whose order alternates.

    Args:
        ways: what does so many steps, by name.
        device: where.
        seconds: of each way in a round, about.
    """
    counts = {n: long_enough(way, device=device, seconds=seconds) for n, way in ways.items()}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            block = partial(ways[name], counts[name])
            took[name].append(seconds_of(block, device=device) / counts[name])
    return {name: Repeats(tuple(each)) for name, each in took.items()}
