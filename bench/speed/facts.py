"""Figures of speed as JSON.

An object with

- ``machine``: device, versions, threads, commit and date (UTC) of the measurement;
- ``setting``: image_size, batch_size, in_channels, loss, precision, memory_format, compiled;
- ``ceilings``: ``flops`` and ``bandwidth`` (a second) that limits rest on, and whether they were
  ``given`` instead of measured; null where there are no limits;
- ``models``: an object for each network, in the order asked for: its ``model``, and the figures
  that :func:`facts` names, or ``failed``, the reason why there are none.

Rates are images a second, times seconds, memory and traffic bytes, energy joules. What was
measured several times is an object of ``median``, ``min``, ``max`` and ``repeats``. A figure that
cannot be had is null.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bench.speed.against import Comparison
from bench.speed.measure import Measured
from bench.speed.run import Counted, Failed, Figures
from bench.speed.work import Limit, Work


def to_json(figures: Figures[Any]) -> str:
    """All figures as text; see the module."""
    machine, case = figures.machine, figures.setting
    ceilings = asdict(machine.ceilings) | {"given": machine.given} if machine.ceilings else None
    whole = {
        "machine": machine.environment,
        "setting": {
            "image_size": case.image_size,
            "batch_size": case.batch_size,
            "in_channels": case.in_channels,
            "loss": case.loss,
            "precision": machine.precision,
            "memory_format": machine.memory_format,
            "compiled": case.compiled,
        },
        "ceilings": ceilings,
        "models": [facts(row, figures) for row in figures.rows],
    }
    return json.dumps(whole, indent=2, allow_nan=False)


def facts(row: Measured | Comparison | Counted | Failed, figures: Figures[Any]) -> dict[str, Any]:
    """What is known of a network, as JSON values; shares are of the limits' rates."""
    if isinstance(row, Failed):
        return {"model": row.model, "failed": row.reason}
    if isinstance(row, Measured):
        return _measured(row, figures)
    if isinstance(row, Comparison):
        return _compared(row)
    return {"model": row.model} | _counted(row.work, *limits(row.work, figures))


def limits(
    work: Work, figures: Figures[Any], *, answered_at_once: int | None = None
) -> tuple[Limit, Limit]:
    """Of training and of inference.

    Args:
        work: of the network.
        figures: with the ceilings, and the batch size of training.
        answered_at_once: batch size of inference; that of training where nothing was measured.
    """
    ceilings = figures.machine.ceilings
    assert ceilings is not None, "measured or given wherever limits are shown"
    size, precision = figures.setting.batch_size, figures.machine.precision
    return (
        work.training_limit(ceilings, batch_size=size, precision=precision),
        work.inference_limit(ceilings, batch_size=answered_at_once or size, precision=precision),
    )


def _measured(row: Measured, figures: Figures[Any]) -> dict[str, Any]:
    training, inference = limits(row.work, figures, answered_at_once=row.answered_at_once)
    return {
        "model": row.model,
        "training": row.training.describe(),
        "training_share": row.training.median / training.images_per_second,
        "inference": row.inference.describe(),
        "answered_at_once": row.answered_at_once,
        "inference_share": row.inference.median / inference.images_per_second,
        "latency": row.latency.describe() | {"percentile_90": row.latency_90},
        "peak_memory": row.peak_memory,
        "capture_seconds": row.capture_seconds,
        "compile_seconds": row.compile_seconds,
        "notes": list(row.notes),
        "joules_per_training_image": row.joules.describe() if row.joules else None,
        "validation_share": row.validation_share(figures.setting.batch_size),
    } | _counted(row.work, training, inference)


def _compared(row: Comparison) -> dict[str, Any]:
    return {
        "model": row.model,
        "against": row.rival,
        "steps_in_a_block": row.steps,
        "harness": row.harness.describe(),
        row.rival: row.other.describe(),
        "ratio": row.ratios.describe(),
    }


def _counted(work: Work, training: Limit, inference: Limit) -> dict[str, Any]:
    return {
        "parameters": work.parameters,
        "multiply_adds": work.multiply_adds,
        "training_limit": _limit(training),
        "inference_limit": _limit(inference),
    }


def _limit(limit: Limit) -> dict[str, float]:
    return asdict(limit) | {"images_per_second": limit.images_per_second}
