"""Tables as markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence

from tabulate import tabulate

from bench.report import cells, facts
from bench.report.collect import METRICS, Table


def markdown(tables: Sequence[Table], *, interrupted: Sequence[str] = ()) -> str:
    """All tables as GitHub-flavoured markdown, each with the facts that it rests on.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        interrupted: names of runs that have not ended.
    """
    return "\n".join(_markdown_table(table) for table in tables) + _still_open(interrupted)


def _markdown_table(table: Table) -> str:
    head, counts = facts.counts(table)
    columns = cells.columns(table)
    body = cells.body(table, bold=lambda text: f"**{text}**")
    sections = [
        f"## {facts.title(table)}",
        _grid(head, counts, left=1),
        _bullets([*facts.skipped(table), *facts.leakage(table), *table.data["notes"]]),
        _grid(columns, body, left=columns.index("parameters")),
        "\n\n".join(facts.legend(table)),
    ]
    failures = facts.failures(table)
    if failures:
        sections.append(_bullets(failures))
    sections.append(_bullets(facts.provenance(table)))
    return "\n\n".join(sections) + "\n"


def _grid(head: Sequence[str], body: Sequence[Sequence[str]], *, left: int) -> str:
    """A pipe table; the first ``left`` columns are text, the others numbers."""
    align = ["left"] * left + ["right"] * (len(head) - left)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in body]
    return tabulate(escaped, headers=head, tablefmt="pipe", colalign=align, disable_numparse=True)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _still_open(interrupted: Sequence[str]) -> str:
    if not interrupted:
        return ""
    were = "was interrupted and is" if len(interrupted) == 1 else "were interrupted and are"
    return (
        f"\n{facts.many(len(interrupted), 'run')} {were} in no table "
        f"(run the same command again to go on): {', '.join(interrupted)}\n"
    )


def latex(tables: Sequence[Table], *, interrupted: Sequence[str] = ()) -> str:
    """All comparison tables for LaTeX (package ``booktabs``), the facts as comments."""
    blocks = []
    for table in tables:
        remarks = [
            facts.title(table),
            *facts.skipped(table),
            *facts.leakage(table),
            *table.data["notes"],
            *facts.legend(table),
            *facts.failures(table),
            *facts.provenance(table),
        ]
        columns = cells.columns(table)
        align = [
            "left" if i < columns.index("parameters") else "right" for i in range(len(columns))
        ]
        body = [
            [_latex_text(cell) for cell in row]
            for row in cells.body(table, bold=lambda text: f"\0{text}\1")
        ]
        grid = tabulate(
            body,
            headers=[_latex_text(column) for column in columns],
            tablefmt="latex_raw",
            colalign=align,
            disable_numparse=True,
        )
        blocks.append("\n".join(f"% {line}" for line in remarks) + "\n" + _booktabs(grid) + "\n")
    still_open = _still_open(interrupted).strip()
    return "\n".join(blocks) + (f"% {still_open}\n" if still_open else "")


def _booktabs(grid: str) -> str:
    rules = iter(("\\toprule", "\\midrule", "\\bottomrule"))
    return "\n".join(next(rules) if line == "\\hline" else line for line in grid.splitlines())


def _latex_text(text: str) -> str:
    """Escape a cell; NUL and SOH, which no cell holds otherwise, stand for bold on and off."""
    for sign, written in (("\\", "\\textbackslash{}"), ("&", "\\&"), ("%", "\\%"), ("#", "\\#"),
                          ("_", "\\_"), ("±", "$\\pm$"), ("†", "$\\dagger$"), ("–", "--"),
                          ("\0", "\\textbf{"), ("\1", "}")):  # fmt: skip
        text = text.replace(sign, written)
    return text


def comma_separated(tables: Sequence[Table], *, interrupted: Sequence[str] = ()) -> str:
    """All rows of all tables as one CSV with full precision; undefined figures are empty.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        interrupted: names of runs that have not ended; each is a row with that state.
    """
    head = [
        "source", "task", "split", "split_seed", "image_size", "kind", "model", "loss",
        "settings", "weights", "state", "reason", "seeds", "parameters", "multiply_adds",
        *(f"{metric}_{what}" for metric in METRICS for what in ("mean", "sd")),
        "beaten_by_control", "train_seconds", "images_per_second", "data", "split_hash",
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
                    "beaten_by_control": row.beaten if row.kind == "network" else "",
                    "train_seconds": row.train_seconds,
                    "images_per_second": row.images_per_second,
                    "data": table.data["fingerprint"],
                    "split_hash": table.data["split"]["hash"],
                }
            )
    for name in interrupted:
        writer.writerow({"state": "interrupted", "reason": name})
    return out.getvalue()


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


FORMATS: dict[str, Callable[..., str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "latex": latex,
}
