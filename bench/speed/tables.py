"""Figures of speed as markdown tables, each with what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.report.grid import Grid
from bench.report.pipe import bullets, pipe_table
from bench.report.words import many
from bench.speed.against import Comparison
from bench.speed.facts import limits
from bench.speed.measure import STEPS_BETWEEN_VALIDATIONS, VALIDATION_IMAGES, Measured
from bench.speed.repeats import Repeats
from bench.speed.run import Counted, Failed, Figures, Found, Machine


def measured_table(figures: Figures[Measured]) -> str:
    """Rates, their shares of the limit, and what they take."""

    def cells(row: Measured) -> list[str]:
        training, inference = limits(row.work, figures, answered_at_once=row.answered_at_once)
        return [
            row.model,
            _spread(row.training),
            f"{row.training.median / training.images_per_second:.0%}",
            _spread(row.inference),
            f"{row.inference.median / inference.images_per_second:.0%}",
            f"{1e3 * row.latency.median:.3g} ({1e3 * row.latency_90:.3g})",
            f"{row.peak_memory / 1e6:,.0f}",
            f"{training.flop / 1e9:.3g}",
            *(_seconds(each) for each in (row.capture_seconds, row.compile_seconds)),
            f"{row.joules.median:.3g}" if row.joules else "–",
            f"{row.validation_share(figures.setting.batch_size):.1%}",
        ]

    heads = (
        "training images/s", "of its limit", "inference images/s", "of its limit", "latency ms",
        "peak memory MB", "GFLOP/training image", "capture s", "compile s",
        "J/training image", "validation/training",
    )  # fmt: skip
    notes = (
        _where(figures.machine),
        _ceilings(figures.machine),
        "rates: median (minimum–maximum) of the repeats; latency of one image: median (90 % of "
        "the calls)",
        *(
            f"inference: batches of {size}, as a run answers"
            for size in sorted(
                {row.answered_at_once for row in figures.rows if isinstance(row, Measured)}
            )
        ),
        "peak memory: until the end of training; on a CPU of the whole process, with torch itself",
        f"validation/training: {VALIDATION_IMAGES:,} images at the inference rate over "
        f"{STEPS_BETWEEN_VALIDATIONS:,} steps at the training rate",
        *(
            f"{row.model}: {note}"
            for row in figures.rows
            if isinstance(row, Measured)
            for note in row.notes
        ),
    )
    return _table(figures, heads=heads, cells=cells, notes=notes)


def compared_table(figures: Figures[Comparison]) -> str:
    """Training rates of the harness and a rival, and their ratios."""

    def cells(row: Comparison) -> list[str]:
        ratios = row.ratios
        return [
            row.model,
            f"{ratios.median:.3f}",
            f"{min(ratios.values):.3f}–{max(ratios.values):.3f}",
            str(len(ratios.values)),
            _spread(row.harness),
            _spread(row.other),
        ]

    rivals = {row.rival for row in figures.rows if isinstance(row, Comparison)}
    other = rivals.pop() if rivals else "other"
    heads = (
        f"harness/{other}: median", "minimum–maximum", "rounds", "harness images/s",
        f"{other} images/s",
    )  # fmt: skip
    notes = (
        _where(figures.machine),
        "ratios of neighbouring blocks, whose order alternates; above 1 the harness is faster",
    )
    return _table(figures, heads=heads, cells=cells, notes=notes)


def counted_table(figures: Figures[Counted]) -> str:
    """The sums of the limits."""

    def cells(row: Counted) -> list[str]:
        training, inference = limits(row.work, figures)
        return [
            row.model,
            f"{training.flop / 1e9:.3g}",
            f"{training.traffic / 1e6:.3g}",
            f"{1e6 * training.arithmetic_seconds:.3g}",
            f"{1e6 * training.traffic_seconds:.3g}",
            f"{1e6 * training.seconds:.3g}",
            _rate(training.images_per_second),
            _rate(inference.images_per_second),
        ]

    heads = (
        "GFLOP/training image", "MB/training image", "arithmetic alone µs", "traffic alone µs",
        "limit µs", "training limit images/s", "inference limit images/s",
    )  # fmt: skip
    notes = (
        # Given ceilings are of another machine than the one that counts.
        *(() if figures.machine.given else (_where(figures.machine),)),
        _ceilings(figures.machine),
        "limit: the sum over convolutions and matrix products of the longer of arithmetic and "
        "traffic, with every other layer fused into them (`bench/speed/work.py`)",
    )
    return _table(figures, heads=heads, cells=cells, notes=notes)


def _table(
    figures: Figures[Found],
    *,
    heads: Sequence[str],
    cells: Callable[[Found], list[str]],
    notes: Sequence[str],
) -> str:
    body = [
        [row.model, "failed", *["–"] * (len(heads) - 1)] if isinstance(row, Failed) else cells(row)
        for row in figures.rows
    ]
    case = figures.setting
    layout = figures.machine.memory_format
    unsaid = case.memory_format == "auto" and layout == "contiguous"
    setting = (
        f"{case.image_size} px, {many(case.in_channels, 'channel')}, batches of "
        f"{case.batch_size}, {figures.machine.precision}, {'' if unsaid else f'{layout}, '}"
        f"{'compiled, ' if case.compiled else ''}loss {case.loss}"
    )
    failures = (f"{row.model} failed: {row.reason}" for row in figures.failed)
    grid = Grid(head=["model", *heads], body=body, left=1)
    return f"{pipe_table(grid)}\n\n{bullets([setting, *notes, *failures])}"


def _where(machine: Machine) -> str:
    environment = machine.environment
    versions = environment["versions"]
    return (
        f"{environment['device']}, {many(environment['threads'], 'thread')}, "
        f"torch {versions['torch']}, timm {versions['timm']}, cxnet-bench "
        f"{versions['cxnet-bench']} ({environment['commit'] or 'commit unknown'}), "
        f"{environment['date']}"
    )


def _ceilings(machine: Machine) -> str:
    assert machine.ceilings is not None, "measured or given wherever limits are shown"
    how = "as given" if machine.given else "measured here in large products and copies"
    return (
        f"limits for {machine.ceilings.flops / 1e12:,.3g} TFLOP/s and "
        f"{machine.ceilings.bandwidth / 1e12:,.3g} TB/s, {how}"
    )


def _spread(rates: Repeats) -> str:
    return f"{_rate(rates.median)} ({_rate(min(rates.values))}–{_rate(max(rates.values))})"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
