"""``bench speed``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import device_option, models_argument, plugin_option

if TYPE_CHECKING:
    from bench.speed.against import Rival


@click.command("speed")
@models_argument
@click.option(
    "--image-size", type=click.IntRange(8, 2048), default=64, show_default=True, metavar="PX",
    help="Side of the square images.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(min=2), default=32, show_default=True, metavar="N",
    help="Images a training step.",
)  # fmt: skip
@click.option(
    "--compile", "compiled", is_flag=True, help="Compile the network, as with train.compile=true."
)
@device_option("Device to measure on.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads of a CPU. [default: torch's own]",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, metavar="N",
    help="Measurements of each rate; rounds of a comparison.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=1e-3, max=3600), default=1.0, show_default=True,
    metavar="S", help="Least duration of each.",
)  # fmt: skip
@click.option(
    "--against", "rival", type=click.Choice(["bare", "eager"]),
    help="Compare training with a hand-written loop (bare), or on a GPU steps replayed from a CUDA "
    "graph with plain ones (eager).",
)  # fmt: skip
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every repeat.")
def speed(
    *,
    models: tuple[str, ...],
    repeats: int,
    seconds: float,
    rival: Rival | None,
    plugins: tuple[Path, ...],
    as_json: bool,
    **setting: Any,
) -> None:
    """Measure how fast models train and predict, and the share of the device's arithmetic.

    MODEL is a name or a pattern, as for bench run; without any, those of the demo. Each is
    measured in a process of its own. Ends with exit code 1 where a model failed.
    """
    from bench.config import load_experiment
    from bench.progress import show_progress
    from bench.registry.models import select_models
    from bench.registry.plugins import load_plugins
    from bench.speed.against import compare
    from bench.speed.case import Case
    from bench.speed.measure import measure
    from bench.speed.run import measure_all, to_json
    from bench.speed.tables import compared_table, measured_table

    load_plugins(plugins)
    demo = load_experiment("demo").models
    paths = tuple(path.resolve() for path in plugins)
    cases = [
        Case(model=model, plugins=paths, **setting)
        for model in select_models(models, configured=demo, take_all=not models)
    ]
    take: Any = (
        partial(compare, rival=rival, rounds=repeats, block_seconds=seconds)
        if rival
        else partial(measure, repeats=repeats, block_seconds=seconds)
    )
    figures: Any
    with show_progress(stream=sys.stderr) as progress:
        figures = measure_all(cases, take, flops_repeats=0 if rival else repeats, progress=progress)
    table = compared_table if rival else measured_table
    click.echo(to_json(figures) if as_json else table(figures))
    if figures.failed:
        click.get_current_context().exit(1)
