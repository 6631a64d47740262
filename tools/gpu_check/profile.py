"""Where the time of a step goes: kernels by their time on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from bench.speed.case import Workbench, random_state_kept
from bench.speed.repeats import wait_for
from tools.gpu_check.rates import setting

STEPS = 5
TOP = 25


def profile_steps(device: torch.device, *, models: Sequence[str]) -> dict[str, Any]:
    """The kernels that take longest in some plain steps, and how long the device was busy."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    found = {}
    for model in models:
        with random_state_kept():
            bench = Workbench(replace(setting(device), model=model))
            for number in range(STEPS):
                bench.step(number)
            wait_for(device)
            with profile(activities=activities) as watched:
                for number in range(STEPS):
                    bench.step(number)
                wait_for(device)
        on_device = device.type == "cuda"
        events = sorted(
            watched.key_averages(),
            key=lambda e: e.self_device_time_total if on_device else e.self_cpu_time_total,
            reverse=True,
        )
        found[model] = [
            {
                "name": event.key[:120],
                "calls": event.count / STEPS,
                "device_us": event.self_device_time_total / STEPS if on_device else None,
                "host_us": event.self_cpu_time_total / STEPS,
            }
            for event in events[:TOP]
        ]
    return {"a_step_of": found}
