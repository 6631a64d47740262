"""Figures of speed as markdown tables, each with what it was measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.speed.against import SpeedComparison
from bench.speed.measure import Measured
from bench.speed.run import Failed, Figures
from bench.speed.timing import Repeats


def measured_table(figures: Figures[Measured]) -> str:
    """Rates with their shares of the device's arithmetic, latency, memory and seconds."""
    rows, notes = {}, []
    for row in figures.rows:
        if isinstance(row, Failed):
            continue
        training, inference = row.shares(figures.machine)
        rows[row.model] = {
            "training images/s": _spread(row.training),
            "of the device": f"{training:.0%}",
            "inference images/s": _spread(row.inference),
            "of the device ": f"{inference:.0%}",
            "latency ms": f"{1e3 * row.latency.median:.3g} ({1e3 * row.latency_90:.3g})",
            "peak memory MB": f"{row.peak_memory / 1e6:,.0f}",
            "GFLOP/training image": f"{row.training_flop / 1e9:.3g}",
            "capture s": _seconds(row.capture_seconds),
            "compile s": _seconds(row.compile_seconds),
        }
        notes += [f"{row.model}: {note}" for note in row.notes]
    assert figures.machine.flops is not None, "measured with the networks"
    legend = [
        f"of the device: FLOPs a second over the {figures.machine.flops / 1e12:.3g} TFLOP/s that "
        "it reached in large matrix products",
        "rates: median (minimum–maximum); latency of one image: median (90th percentile)",
        "peak memory: until the end of training; on a CPU of the whole process, with torch",
    ]
    return _table(figures, rows, legend + notes)


def compared_table(figures: Figures[SpeedComparison]) -> str:
    """Training rates of the harness and a rival, and their ratios."""
    rows = {
        row.model: {
            f"harness/{row.rival}": f"{row.ratios.median:.3f}",
            "minimum–maximum": f"{min(row.ratios.values):.3f}–{max(row.ratios.values):.3f}",
            "rounds": str(len(row.ratios.values)),
            "harness images/s": _spread(row.harness),
            f"{row.rival} images/s": _spread(row.other),
        }
        for row in figures.rows
        if not isinstance(row, Failed)
    }
    note = "median of the ratios of neighbouring blocks; above 1 the harness is faster"
    return _table(figures, rows, [note])


def _table(figures: Figures[Any], rows: dict[str, dict[str, str]], notes: Sequence[str]) -> str:
    """The table, with a row of dashes for each network that failed, and the notes below it."""
    models = [row.model for row in figures.rows]
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(models).fillna("–")
    if frame.empty:
        frame = pd.DataFrame({"": "failed"}, index=models)
    table = frame.rename_axis("model").to_markdown(
        disable_numparse=True, colalign=["left", *["right"] * frame.shape[1]]
    )
    failures = [f"{row.model} failed: {row.reason}" for row in figures.failed]
    lines = [*_provenance(figures), *notes, *failures]
    return f"{table}\n\n" + "\n".join(f"- {line}" for line in lines)


def _provenance(figures: Figures[Any]) -> tuple[str, str]:
    """A line on the setting and one on the machine."""
    case, machine = figures.setting, figures.machine
    environment, versions = machine.environment, machine.environment.versions
    compiled = ", compiled" if case.compiled else ""
    return (
        f"{case.image_size} px, 1 channel, batches of {case.batch_size}, {machine.precision}, "
        f"{machine.memory_format}{compiled}, loss ce",
        f"{environment.device}, threads: {environment.threads}, torch {versions['torch']}, "
        f"timm {versions['timm']}, cxnet-bench {versions['cxnet-bench']} "
        f"({environment.commit or 'commit unknown'}), {environment.date}",
    )


def _spread(rates: Repeats) -> str:
    return f"{_rate(rates.median)} ({_rate(min(rates.values))}–{_rate(max(rates.values))})"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
