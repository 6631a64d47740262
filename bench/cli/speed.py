"""``bench speed``."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bench.cli.options import load_plugins, plugin_option

if TYPE_CHECKING:
    from bench.config.schema import MemoryFormat, Precision
    from bench.speed.against import Rival
    from bench.speed.run import Failed


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """An interruption ends the command for good: no measurement goes on where it was."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.Abort("\ninterrupted") from None


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Click's ranges let NaN pass."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number")
    return value


@click.command("speed")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--image-size", type=click.IntRange(8, 2048), default=64, show_default=True, metavar="PX",
    help="Side of the square images.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(min=2), default=32, show_default=True, metavar="N",
    help="Images a training step.",
)  # fmt: skip
@click.option(
    "--in-channels", type=click.Choice(["1", "3"]), default="1", show_default=True,
    help="Grayscale, or the same image three times.",
)  # fmt: skip
@click.option(
    "--loss", default="sin", show_default=True, metavar="NAME",
    help="A loss; --against bare takes ce.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto",
    show_default=True, help="auto takes bfloat16 where a GPU has it.",
)  # fmt: skip
@click.option(
    "--memory-format", type=click.Choice(["auto", "contiguous", "channels_last"]), default="auto",
    show_default=True, help="auto takes channels_last on a GPU; a hand-written loop never does.",
)  # fmt: skip
@click.option(
    "--compile", "compiled", is_flag=True,
    help="Train with a network that torch compiles, as with train.compile=true.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="Where to measure.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Of a CPU; torch's own choice else."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, metavar="N",
    help="Measurements of each rate; rounds of a comparison.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
    metavar="S", callback=_finite, help="What each of them takes at least.",
)  # fmt: skip
@click.option(
    "--against", "rival", type=click.Choice(["bare", "eager"]),
    help="Compare training with a hand-written loop, or (on a GPU) the captured step with itself "
    "uncaptured.",
)  # fmt: skip
@click.option(
    "--limits",
    is_flag=True,
    help="Measure no network; print what its arithmetic and traffic allow.",
)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="TFLOP/S",
    callback=_finite,
    help="Of the device, for the limits; measured here otherwise, which takes some seconds.",
)  # fmt: skip
@click.option(
    "--bandwidth", type=click.FloatRange(min=0, min_open=True), metavar="TB/S",
    callback=_finite, help="Of its memory; goes with --rate.",
)  # fmt: skip
@plugin_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON (bench/speed/facts.py says what)."
)
@click.pass_context
@_nothing_kept()
def speed(
    context: click.Context,
    *,
    models: tuple[str, ...],
    image_size: int,
    batch_size: int,
    in_channels: str,
    loss: str,
    precision: Precision,
    memory_format: MemoryFormat,
    compiled: bool,
    device: str,
    threads: int | None,
    repeats: int,
    seconds: float,
    rival: Rival | None,
    limits: bool,
    rate: float | None,
    bandwidth: float | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Measure how fast models train and answer, beside what the device allows.

    MODEL is a name or a pattern, as for bench run; without any, those of the demo (with --limits
    all models). Each has a process of its own. Ends with exit code 1 where a model failed.
    """
    if rival and limits:
        raise click.UsageError("--against and --limits exclude one another")
    if compiled and limits:
        raise click.UsageError("--limits trains nothing that --compile could compile")
    if (rate is None) != (bandwidth is None):
        raise click.UsageError("--rate and --bandwidth go together")
    if rival and rate:
        raise click.UsageError("--rate and --bandwidth are for limits, which --against has none of")
    asked_for = context.get_parameter_source("loss") is not ParameterSource.DEFAULT
    if rival == "bare" and asked_for and loss != "ce":
        raise click.UsageError("--against bare compares with ce: leave --loss out")
    load_plugins(plugins)

    from bench.config import load_experiment
    from bench.registry import LOSSES, MODELS
    from bench.runs.cells import select_models

    LOSSES.get(loss)
    every = tuple(entry.name for entry in MODELS)
    configured = every if limits else load_experiment("demo").models
    chosen = select_models(models, configured=configured, take_all=not models)

    from bench.progress import show_progress
    from bench.speed import tables
    from bench.speed.case import Case
    from bench.speed.facts import to_json
    from bench.speed.run import compare_all, count_all, measure_all
    from bench.speed.work import Ceilings

    cases = [
        Case(
            model=model,
            image_size=image_size,
            batch_size=batch_size,
            in_channels=int(in_channels),
            loss=loss,
            precision=precision,
            memory_format=memory_format,
            compiled=compiled,
            device=device,
            threads=threads,
            plugins=tuple(path.resolve() for path in plugins),
        )
        for model in chosen
    ]
    ceilings = None
    if rate is not None and bandwidth is not None:
        ceilings = Ceilings(flops=1e12 * rate, bandwidth=1e12 * bandwidth)
    failed: tuple[Failed, ...]
    with show_progress(stream=sys.stderr) as progress:
        if rival:
            compared = compare_all(
                cases, rival=rival, rounds=repeats, block_seconds=seconds, progress=progress
            )
            text = to_json(compared) if as_json else tables.compared_table(compared)
            failed = compared.failed
        elif limits:
            counted = count_all(cases, repeats=repeats, ceilings=ceilings, progress=progress)
            text = to_json(counted) if as_json else tables.counted_table(counted)
            failed = counted.failed
        else:
            measured = measure_all(
                cases,
                repeats=repeats,
                block_seconds=seconds,
                ceilings=ceilings,
                progress=progress,
            )
            text = to_json(measured) if as_json else tables.measured_table(measured)
            failed = measured.failed
    click.echo(text)
    if failed:
        context.exit(1)
