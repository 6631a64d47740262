"""Speeds of networks on this machine, kept so that the next plan needs no torch."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.cache import add_facts, read_facts
from bench.config import Experiment
from bench.config.frozen import Frozen
from bench.registry import LOSSES, find_model
from bench.registry.core import comes_from_plugin
from bench.registry.costs import versions

SPEEDS = "training_speeds"
# All that decides whether a level can be trained, or how fast.
_SETTINGS = {"task", "models", "losses", "controls", "model", "loss", "train", "execution"}
# Packages that check a level and train its networks.
_CHECKED_BY = ("bench.execute", "bench.plan", "bench.train")


class Speeds(Frozen):
    """Speeds of an experiment's networks on a device.

    Attributes:
        device: its type.
        rates: by "model loss" the training images a second, or why there is no such number.
    """

    device: str
    rates: Mapping[str, float | str]


def measure_speeds(levels: Sequence[Experiment], *, device: str) -> list[Speeds]:
    """The speeds of the networks of an experiment's levels, which are checked first.

    A level that was timed on this machine with the same versions and the same source is neither
    checked nor timed again: importing torch and trying each network take ten seconds. Networks of
    plugins, and those that cannot be timed, always are.

    Args:
        levels: what to run, without ``vary``.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: as :func:`bench.execute.check_levels`.
    """
    known = read_facts(SPEEDS)
    keys = [_key(level, device) for level in levels]
    kept = [_parse(known.get(key)) for key in keys]
    if not any(map(_has_plugin, levels)) and None not in kept:
        return [speeds for speeds in kept if speeds is not None]
    from bench.plan.probe import time_levels

    device_type, timed = time_levels(levels, device=device)
    measured = [Speeds(device=device_type, rates=rates) for rates in timed]
    keepable = {
        key: speeds.model_dump()
        for key, level, speeds in zip(keys, levels, measured, strict=True)
        if not _has_plugin(level) and all(isinstance(rate, float) for rate in speeds.rates.values())
    }
    if keepable:
        add_facts(SPEEDS, keepable)
    return measured


def _parse(fact: Any) -> Speeds | None:
    """A kept fact, or None where there is none or someone has spoilt it."""
    try:
        return Speeds.model_validate(fact)
    except ValidationError:
        return None


def _has_plugin(level: Experiment) -> bool:
    """Whether some of a level's code may change without a trace."""
    sources = [find_model(name).source for name in level.models]
    sources += [LOSSES.get(name).source for name in level.losses]
    return any(map(comes_from_plugin, sources))


def _key(level: Experiment, device: str) -> str:
    settings = level.model_dump(mode="json", include=_SETTINGS)
    data = level.data.model_dump(mode="json", exclude={"root"})
    parts = [settings, data, device, *_machine(), *versions(*_CHECKED_BY)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _machine() -> list[object]:
    """All that says without torch which devices a process has."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count()
    gpus = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    return [platform.node(), cpus, gpus, *(os.environ.get(name) for name in names)]
