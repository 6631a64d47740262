"""Rates at 224 px and a batch of 32, the setting of the comparison that this project is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from bench.errors import first_line
from bench.speed.against import Comparison, Rival, compare
from bench.speed.case import Case
from bench.speed.facts import facts
from bench.speed.measure import Measured, measure
from bench.speed.run import Failed, Figures, describe, describe_and_measure

SETTING = Case(model="cxnet_m1", image_size=224, batch_size=32)
SHORT = Case(model="cxnet_m1", image_size=32, batch_size=4)
SECONDS = 0.3
ROUNDS = 5


def setting(device: torch.device) -> Case:
    """On a CPU, where this is only rehearsed, a small one."""
    return replace(SETTING if device.type == "cuda" else SHORT, device=device.type)


def against(
    device: torch.device,
    *,
    least: Mapping[str, float],
    rival: Rival,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """The harness's step against a rival's; see :mod:`bench.speed.against`.

    Args:
        device: where; on a CPU the ratios are not judged.
        least: what the median ratio must reach, by model; 0 where it is only looked at.
        rival: see :class:`bench.speed.against.Comparison`.
        seconds: of a block.
    """
    case = setting(device)
    rows: list[Comparison | Failed] = []
    too_low = []
    for model, bound in least.items():
        try:
            row = compare(
                replace(case, model=model), rival=rival, rounds=ROUNDS, block_seconds=seconds
            )
        except Exception as error:
            rows.append(Failed(model=model, reason=first_line(error)))
            continue
        rows.append(row)
        ratio = row.ratios
        spread = f"{ratio.median:.3f} ({min(ratio.values):.3f} to {max(ratio.values):.3f})"
        print(f"  {model:24} {spread} of {rival}'s rate", flush=True)
        if device.type == "cuda" and not ratio.median >= bound:
            too_low.append(f"{model}: {spread} of {rival}'s rate, less than {bound:g}")
    found = _as_json(Figures(machine=describe(case), setting=case, rows=tuple(rows)))
    return found | {"least": dict(least), "failed": found["failed"] + too_low}


def table(
    device: torch.device, *, models: Sequence[str], seconds: float = SECONDS
) -> dict[str, Any]:
    """Every figure of ``bench speed``, in this process, with the device's ceilings.

    Args:
        device: where.
        models: registered names.
        seconds: of a block.
    """
    case = setting(device)
    machine = describe_and_measure(case, ROUNDS)
    rows: list[Measured | Failed] = []
    for model in models:
        try:
            one = replace(case, model=model)
            rows.append(measure(one, repeats=ROUNDS, block_seconds=seconds))
        except Exception as error:
            rows.append(Failed(model=model, reason=first_line(error)))
    return _as_json(Figures(machine=machine, setting=case, rows=tuple(rows)))


def _as_json(figures: Figures[Any]) -> dict[str, Any]:
    ceilings = figures.machine.ceilings
    return {
        "environment": figures.machine.environment,
        "ceilings": None if ceilings is None else vars(ceilings),
        "setting": {"image_size": figures.setting.image_size, "batch": figures.setting.batch_size},
        "models": [facts(row, figures) for row in figures.rows],
        "failed": [f"{row.model}: {row.reason}" for row in figures.failed],
    }
