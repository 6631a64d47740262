"""External validation as sections of a report."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluate.external import ExternalRow, ExternalTable
from bench.evaluate.measures import column_heads, leading, leading_head
from bench.report.columns import (
    Column,
    Section,
    column,
    counts,
    difference,
    measured,
    names,
    texts,
)
from bench.report.text import lines

# Beside the figure that sorts the table, at the threshold and temperature of home.
TWO_CLASSES = ("recall", "specificity", "ece_scaled")
LABELS = ("macro_recall", "macro_f1", "macro_ece")


def external_sections(tables: Sequence[ExternalTable]) -> list[Section]:
    """A section for each set of images that networks from elsewhere predict."""
    return [
        Section(
            id="external",
            title=f"tested on {table.data.name}, task {table.task} ({table.question}), "
            f"{table.image_size} px" + (", its test part" if table.part == "test" else ""),
            columns=_columns(table),
            notes=lines(
                "external",
                table=table,
                head=leading_head(table.outputs),
                homes=_first_of_each_home(table.rows),
            ),
        )
        for table in tables
    ]


def stale_runs(names: Sequence[str]) -> list[str]:
    """Sentences on runs that changed since their networks were evaluated elsewhere."""
    return [
        f"Not shown: {name} was trained anew or taken away since its network was evaluated on "
        "other data. Evaluate it again."
        for name in names
    ]


def _columns(table: ExternalTable) -> list[Column]:
    rows, heads = table.rows, column_heads(table.outputs)
    main = leading(table.outputs)
    others = TWO_CLASSES if table.outputs.binary else LABELS
    return [
        *names(rows, [f"{row.model}{', ensemble' * row.is_ensemble}" for row in rows]),
        texts("home", "trained on", [row.home.name for row in rows], kind="name"),
        counts("seeds", [len(row.seeds) for row in rows]),
        column("home_auc", f"internal {heads[main]}", [measured(row.home_auc) for row in rows]),
        column(main, f"external {heads[main]}", [measured(row.figures[main]) for row in rows]),
        column("drop", "drop", [difference(row.drop) for row in rows]),
        *(
            column(name, heads[name], [measured(row.figures[name]) for row in rows])
            for name in others
            if name in heads
        ),
    ]


def _first_of_each_home(rows: Sequence[ExternalRow]) -> list[ExternalRow]:
    """A row for each data set that networks were trained on."""
    return list({(row.home.fingerprint, row.home.split): row for row in reversed(rows)}.values())
