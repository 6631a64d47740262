"""Where the time of a step goes: kernels by their time on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from bench.speed.case import Workbench
from bench.speed.repeats import seconds_of, wait_for
from bench.train.random_state import random_state_kept
from tools.gpu_check.rates import setting

STEPS = 5
TOP = 25


def profile_steps(device: torch.device, *, models: Sequence[str]) -> dict[str, Any]:
    """What takes longest in some plain steps, and on CUDA in replayed ones.

    ``wall_us`` is a step's time while nobody watches, ``busy_us`` that of its kernels on the
    device: where the second is much smaller, the device waits for the host.
    """
    found: dict[str, Any] = {}
    for model in models:
        with random_state_kept(device):
            bench = Workbench(replace(setting(device), model=model))
            found[model] = {"plain": _profile(bench.step, device)}
            if device.type == "cuda":
                found[model]["replayed"] = _profile(bench.graphed_step(), device)
    return {"a_step_of": found}


def _profile(step: Callable[[int], Tensor], device: torch.device) -> dict[str, Any]:
    def take_steps() -> None:
        for number in range(STEPS):
            step(number)

    on_device = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_device else [])]
    take_steps()
    wall = seconds_of(take_steps, device=device)
    with profile(activities=activities) as watched:
        take_steps()
        wait_for(device)
    events = watched.key_averages()
    kernels = [e for e in events if e.device_type.name == "CUDA" and not e.is_user_annotation]
    longest = sorted(
        events,
        key=lambda e: e.self_device_time_total if on_device else e.self_cpu_time_total,
        reverse=True,
    )
    return {
        "wall_us": 1e6 * wall / STEPS,
        "busy_us": sum(e.self_device_time_total for e in kernels) / STEPS if on_device else None,
        "longest": [
            {
                "name": event.key[:120],
                "calls": event.count / STEPS,
                "device_us": event.self_device_time_total / STEPS if on_device else None,
                "host_us": event.self_cpu_time_total / STEPS,
            }
            for event in longest[:TOP]
        ],
    }
