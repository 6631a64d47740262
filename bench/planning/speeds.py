"""Speeds of networks on this machine, kept so that the next plan needs no torch."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from bench.cache import add_facts, read_facts
from bench.config import Experiment
from bench.config.frozen import Frozen
from bench.environment import cpu_model
from bench.registry import DATASETS, LOSSES, find_model
from bench.registry.core import comes_from_plugin
from bench.registry.costs import versions

SPEEDS = "training_speeds"
# Settings of a training that neither change a step's time nor are refused by a check.
NOT_OF_A_STEP = {
    *("lr", "max_iterations", "validate_every", "checkpoint_seconds"),
    *("schedule", "warmup", "decay_factor", "patience", "max_decays", "class_weighting"),
}
_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    *("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
)
_DRIVER = Path("/proc/driver/nvidia")

Rates = dict[tuple[str, str], float | str]
"""By model and loss the training images a second, or why there is no such number."""


class KeptSpeed(Frozen):
    """A speed as it is kept.

    Attributes:
        rate: training images a second.
    """

    device: str
    rate: float = Field(gt=0.0)
    measured: date


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Speeds of the networks of an experiment.

    Attributes:
        rates: of each level.
        measured: the day when the oldest of them was measured; None if they were measured now.
    """

    device: str
    rates: Sequence[Rates]
    measured: date | None = None


def measure_speeds(levels: Sequence[Experiment], *, device: str) -> Speeds:
    """The speeds of the networks of an experiment's levels, which are checked first.

    Where all of them were checked and timed on this machine with the same versions and the same
    source, nothing is: importing torch and trying each network take ten seconds. Networks and
    losses of plugins always are, and what failed.

    Raises:
        InputError: as :func:`bench.execute.check_levels`.
    """
    keys = [_keys(level, device) for level in levels]
    facts = read_facts(SPEEDS)
    kept = {key: _parse(facts.get(key or "")) for of_level in keys for key in of_level.values()}
    known = {key: speed for key, speed in kept.items() if speed is not None}
    if len(known) == len(kept):
        return Speeds(
            device=next(iter(known.values())).device,
            rates=[{pair: known[key].rate for pair, key in each.items()} for each in keys],
            measured=min(speed.measured for speed in known.values()),
        )
    from bench.planning.probe import time_levels

    device_type, rates = time_levels(levels, device=device)
    if device_type == "cpu" or _gpus():
        found = {
            key: KeptSpeed(device=device_type, rate=rate, measured=date.today())
            for each, of_level in zip(keys, rates, strict=True)
            for pair, key in each.items()
            if key is not None and isinstance(rate := of_level[pair], float)
        }
        add_facts(SPEEDS, {key: speed.model_dump(mode="json") for key, speed in found.items()})
    return Speeds(device=device_type, rates=rates)


def _parse(fact: Any) -> KeptSpeed | None:
    """A kept speed, or None where there is none or someone has spoilt it."""
    try:
        return KeptSpeed.model_validate_json(json.dumps(fact))
    except ValidationError:
        return None


def _keys(level: Experiment, device: str) -> dict[tuple[str, str], str | None]:
    """By model and loss, what a level's speed is kept by; None where it is not kept."""
    data = level.data.model_dump(mode="json", include={"source", "options", "image_size"})
    train = level.train.model_dump(mode="json", exclude=NOT_OF_A_STEP)
    options = [level.model.model_dump(mode="json"), level.loss.model_dump(mode="json")]
    shared = [level.task, level.controls, data, train, options, device, _machine()]
    shared += [versions("bench")]
    named = [DATASETS.get(level.data.source).source]
    named += [find_model(name).source for name in (*level.model.options, *level.model.both)]
    named += [LOSSES.get(name).source for name in level.loss.options]
    keys: dict[tuple[str, str], str | None] = {}
    for model in level.models:
        for loss in level.losses:
            sources = [*named, find_model(model).source, LOSSES.get(loss).source]
            text = json.dumps([model, loss, *shared], sort_keys=True)
            changes = any(map(comes_from_plugin, sources))
            keys[model, loss] = None if changes else hashlib.sha256(text.encode()).hexdigest()
    return keys


def _machine() -> list[object]:
    """All that says without torch what a process computes with."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count()
    return [platform.node(), cpu_model(), cpus, _gpus(), *map(os.environ.get, _VARIABLES)]


def _gpus() -> list[str]:
    """NVIDIA's driver and GPUs; empty where the system does not tell them."""
    found = []
    for path in (_DRIVER / "version", *sorted(_DRIVER.glob("gpus/*/information"))):
        with suppress(OSError):
            found.append(path.read_text(encoding="utf-8", errors="replace"))
    return found
