"""Tables as markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence

from tabulate import tabulate

from bench.report import cells, facts
from bench.report.collect import METRICS, Table
from bench.report.training import training_line
from bench.report.words import many
from bench.store import Unfinished

# NUL and SOH, which no cell holds otherwise, stand for bold on and off.
LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%#_${}"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
        "†": r"$\dagger$",
        "–": "--",
        "\0": r"\textbf{",
        "\1": "}",
    }
)


def markdown(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All tables as GitHub-flavoured markdown, each with the facts that it rests on.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended.
    """
    text = "\n".join(_markdown_table(table) for table in tables)
    return text + "".join(f"\n{line}\n" for line in _still_open(unfinished))


def _markdown_table(table: Table) -> str:
    head, counts = facts.counts(table)
    columns = cells.columns(table)
    body = cells.body(table, bold=lambda text: f"**{text}**")
    sections = [
        f"## {facts.title(table)}",
        _grid(head, counts, left=1),
        _bullets(facts.resting_on(table)),
        _grid(columns, body, left=columns.index("parameters")),
        "\n\n".join(facts.legend(table)),
    ]
    failures = facts.failures(table)
    if failures:
        sections.append(_bullets(failures))
    return "\n\n".join(sections) + "\n"


def _grid(head: Sequence[str], body: Sequence[Sequence[str]], *, left: int) -> str:
    """A pipe table; the first ``left`` columns are text, the others numbers."""
    align = ["left"] * left + ["right"] * (len(head) - left)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in body]
    return tabulate(escaped, headers=head, tablefmt="pipe", colalign=align, disable_numparse=True)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _still_open(unfinished: Sequence[Unfinished]) -> list[str]:
    running = [run.name for run in unfinished if run.running]
    interrupted = [run.name for run in unfinished if not run.running]
    lines = []
    if interrupted:
        were = "was interrupted and is" if len(interrupted) == 1 else "were interrupted and are"
        lines.append(
            f"{many(len(interrupted), 'run')} {were} in no table "
            f"(run the same command again to go on): {', '.join(interrupted)}"
        )
    if running:
        are = "is still running and is" if len(running) == 1 else "are still running and are"
        lines.append(f"{many(len(running), 'run')} {are} in no table: {', '.join(running)}")
    return lines


def latex(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All comparison tables for LaTeX (package ``booktabs``), the facts as comments.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended.
    """
    blocks = []
    for table in tables:
        remarks = [
            facts.title(table),
            *facts.resting_on(table),
            *facts.legend(table),
            *facts.failures(table),
        ]
        columns = cells.columns(table)
        align = [
            "left" if i < columns.index("parameters") else "right" for i in range(len(columns))
        ]
        body = [
            [cell.translate(LATEX) for cell in row]
            for row in cells.body(table, bold=lambda text: f"\0{text}\1")
        ]
        grid = tabulate(
            body,
            headers=[column.translate(LATEX) for column in columns],
            tablefmt="latex_raw",
            colalign=align,
            disable_numparse=True,
        )
        blocks.append(_comments(remarks) + _booktabs(grid) + "\n")
    return "\n".join(blocks) + _comments(_still_open(unfinished))


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"% {line}\n" for line in lines)


def _booktabs(grid: str) -> str:
    rules = iter(("\\toprule", "\\midrule", "\\bottomrule"))
    return "\n".join(next(rules) if line == "\\hline" else line for line in grid.splitlines())


def comma_separated(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All rows of all tables as one CSV with full precision; undefined figures are empty.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended; each is a row with the state ``interrupted`` or
            ``running``.
    """
    head = [
        "source", "task", "split", "split_seed", "image_size", "kind", "model", "loss",
        "settings", "weights", "state", "reason", "seeds", "parameters", "multiply_adds",
        *(f"{metric}_{what}" for metric in METRICS for what in ("mean", "sd")),
        "below_controls", "train_seconds", "images_per_second", "devices", "training", "data",
        "split_hash",
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.DictWriter(out, head, restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            reasons = [f"seed {seed}: {reason}" for seed, reason in row.failures]
            state = "finished" if row.seeds else "failed"
            writer.writerow(
                {
                    "source": table.data["source"],
                    "task": table.data["task"],
                    "split": table.data["split"]["name"],
                    "split_seed": table.data["split"]["seed"],
                    "image_size": table.data["image_size"],
                    "kind": row.kind,
                    "model": row.model,
                    "loss": row.loss,
                    "settings": row.settings,
                    "weights": row.weights,
                    "state": "unavailable" if row.unavailable else state,
                    "reason": row.unavailable or "; ".join(reasons),
                    "seeds": " ".join(map(str, row.seeds)),
                    "parameters": row.parameters,
                    "multiply_adds": row.multiply_adds,
                    **{f"{m}_mean": _number(f.mean) for m, f in row.metrics.items()},
                    **{f"{m}_sd": _number(f.deviation) for m, f in row.metrics.items()},
                    "below_controls": row.below_controls if row.kind == "network" else "",
                    "train_seconds": row.train_seconds,
                    "images_per_second": row.images_per_second,
                    "devices": "; ".join(row.devices),
                    "training": training_line(table.settings) if row.kind == "network" else "",
                    "data": table.data["fingerprint"],
                    "split_hash": table.data["split"]["hash"],
                }
            )
    for run in unfinished:
        state = "running" if run.running else "interrupted"
        writer.writerow({"state": state, "reason": run.name})
    return out.getvalue()


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


FORMATS: dict[str, Callable[..., str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "latex": latex,
}
