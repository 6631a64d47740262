"""Rates at 224 px and a batch of 32, the setting of the comparison that this project is for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from bench.errors import first_line
from bench.speed.against import Comparison, Rival, compare
from bench.speed.case import Case, Workbench, random_state_kept
from bench.speed.facts import facts
from bench.speed.measure import Consecutive, Measured, measure
from bench.speed.repeats import Repeats, long_enough, seconds_of
from bench.speed.run import Failed, Figures, describe, describe_and_measure

SETTING = Case(model="cxnet_m1", image_size=224, batch_size=32)
SHORT = Case(model="cxnet_m1", image_size=64, batch_size=8)
SECONDS = 0.5
ROUNDS = 5


def setting(device: torch.device) -> Case:
    """On a CPU, where this is only rehearsed, a small one."""
    return replace(SETTING if device.type == "cuda" else SHORT, device=device.type)


def against(device: torch.device, *, models: Sequence[str], rival: Rival) -> dict[str, Any]:
    """The harness's step against a rival's; see :mod:`bench.speed.against`."""
    case = setting(device)
    if rival == "eager" and device.type != "cuda":
        return {"failed": ["graphs need CUDA"]}
    rows: list[Comparison | Failed] = []
    for model in models:
        one = replace(case, model=model)
        try:
            rows.append(compare(one, rival=rival, rounds=ROUNDS, block_seconds=SECONDS))
        except Exception as error:
            rows.append(Failed(model=model, reason=first_line(error)))
    return _as_json(Figures(machine=describe(case), setting=case, rows=tuple(rows)))


def table(device: torch.device, *, models: Sequence[str]) -> dict[str, Any]:
    """Every figure of ``bench speed``, in this process, with the device's ceilings."""
    case = setting(device)
    machine = describe_and_measure(case, ROUNDS)
    rows: list[Measured | Failed] = []
    for model in models:
        try:
            one = replace(case, model=model)
            rows.append(measure(one, repeats=ROUNDS, block_seconds=SECONDS))
        except Exception as error:
            rows.append(Failed(model=model, reason=first_line(error)))
    return _as_json(Figures(machine=machine, setting=case, rows=tuple(rows)))


def compiled(device: torch.device, *, models: Sequence[str]) -> dict[str, Any]:
    """``torch.compile`` against the plain step: rates, seconds of compiling, break-even."""
    found: dict[str, Any] = {"models": [], "failed": []}
    for model in models:
        try:
            found["models"].append(_compiled(replace(setting(device), model=model)))
        except Exception as error:
            found["failed"].append(f"{model}: {first_line(error)}")
    return found


def _compiled(case: Case) -> dict[str, Any]:
    with random_state_kept():
        plain, other = Workbench(case), Workbench(case)
        step = replace(other.step, network=cast(nn.Module, torch.compile(other.network)))
        began = time.perf_counter()
        float(step(0))
        compiling = time.perf_counter() - began
        ways = {"plain": Consecutive(plain.step), "compiled": Consecutive(step)}
        counts = {
            name: long_enough(way, device=plain.device, seconds=SECONDS)
            for name, way in ways.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                steps = counts[name]
                took = seconds_of(partial(way, steps), device=plain.device)
                seconds[name].append(took / steps)
    median = {name: Repeats(tuple(each)).median for name, each in seconds.items()}
    gain = median["plain"] - median["compiled"]
    return {
        "model": case.model,
        "compile_seconds": compiling,
        "step_seconds": {name: Repeats(tuple(each)).describe() for name, each in seconds.items()},
        "break_even_steps": math.ceil(compiling / gain) if gain > 0 else None,
    }


def _as_json(figures: Figures[Any]) -> dict[str, Any]:
    return {
        "environment": figures.machine.environment,
        "ceilings": None if figures.machine.ceilings is None else vars(figures.machine.ceilings),
        "setting": {"image_size": figures.setting.image_size, "batch": figures.setting.batch_size},
        "models": [facts(row, figures) for row in figures.rows],
        "failed": [f"{row.model}: {row.reason}" for row in figures.failed],
    }
