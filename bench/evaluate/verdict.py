"""The verdict on a table: which network to take, as far as its comparisons show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.evaluate.results import Row, Table

Conclusion = Literal[
    "nothing finished",
    "not above control",
    "better",
    "above control",
    "nothing to compare",
    "as good",
    "single runs",
    "no interval",
    "others worse",
    "undecided",
    "none better",
]


@dataclass(frozen=True, kw_only=True)
class TableVerdict:
    """The verdict on a table, and the rows that it rests on.

    The first conclusion that holds is given. ``Above`` stands for: shown to be above the best
    control, or not compared with one.

    - ``nothing finished``: there is no network, no cascade and no imported predictions for the
      whole test part.
    - ``not above control``: none of them is above.
    - ``better``: some that are above are better than the reference. They were not compared with
      one another.
    - ``above control``: some are above, and the reference is not, or is a control, or is the only
      one above (unless a later conclusion on single runs, on missing intervals or on worse ones
      holds, which says more).
    - ``nothing to compare``: the reference is alone, and no control has finished.
    - ``as good``: one that is above is equivalent to the reference or not worse, and smaller; or
      the size of the reference is not known.
    - ``single runs``: all comparisons are of single training runs, or one of these has a higher
      figure than the reference: other seeds must show which is better.
    - ``no interval``: no difference to the reference has an interval.
    - ``others worse``: all others are worse than the reference.
    - ``undecided``: a smaller one is above, and is not shown to be as good as the reference.
    - ``none better``: none of these.

    Attributes:
        row: the row that the conclusion is about. Of several it is the smallest, for the figures of
            the test part would choose a lucky one; of none above, it is the one that comes closest.
        take: the row to take; None where nothing shows one.
        candidates: networks, cascades and imported predictions for the whole test part.
    """

    conclusion: Conclusion
    row: Row | None = None
    take: Row | None = None
    rows: tuple[Row, ...] = ()
    candidates: tuple[Row, ...] = ()


def verdict(table: Table) -> TableVerdict:
    """The verdict on the rows of a table, by their comparisons alone."""
    candidates = tuple(
        row
        for row in table.rows
        if row.kind not in ("control", "always normal")
        and row.answered is None
        and not math.isinf(row.auc)
    )
    if not candidates:
        return TableVerdict(conclusion="nothing finished")
    above = [row for row in candidates if not row.below_controls]
    if not above:
        closest = max(candidates, key=_over_control)
        return TableVerdict(
            conclusion="not above control", row=closest, rows=candidates, candidates=candidates
        )
    better = [row for row in above if _is(row, "better")]
    if better:
        return _several("better", better, candidates)
    reference = table.reference
    alone = len(candidates) == 1 and candidates[0].is_reference
    judged = reference is not None and reference.kind != "control" and not reference.below_controls
    if reference is None or not judged or alone or any(_is(row, "better") for row in candidates):
        known = any(row.over_control for row in above)
        return _several("above control" if known else "nothing to compare", above, candidates)
    return _beside(reference, above, candidates)


def only_smallest(rows: Sequence[Row]) -> Row | None:
    """The row with the fewest parameters; None where two have these, or a size is not known."""
    sizes = [row.parameters for row in rows if row.parameters is not None]
    if len(sizes) < len(rows) or sizes.count(least := min(sizes)) > 1:
        return None
    return rows[sizes.index(least)]


def is_single_run(row: Row) -> bool:
    """Whether it is one training run; controls and imported predictions have no seed."""
    return len(row.seeds) == 1 and bool(row.loss)


def _several(
    conclusion: Conclusion, rows: Sequence[Row], candidates: tuple[Row, ...]
) -> TableVerdict:
    """A conclusion that holds for some rows, which were not compared with one another."""
    smallest = only_smallest(rows)
    take = None if conclusion == "nothing to compare" or len(candidates) == 1 else smallest
    row = smallest or rows[0]
    return TableVerdict(
        conclusion=conclusion, row=row, take=take, rows=tuple(rows), candidates=candidates
    )


def _beside(reference: Row, above: Sequence[Row], candidates: tuple[Row, ...]) -> TableVerdict:
    """The verdict where the reference is above, and no row is better."""
    others = [row for row in candidates if not row.is_reference]

    def conclude(
        conclusion: Conclusion, row: Row, rows: Sequence[Row], take: Row | None = None
    ) -> TableVerdict:
        return TableVerdict(
            conclusion=conclusion, row=row, take=take, rows=tuple(rows), candidates=candidates
        )

    equal = [row for row in above if _is(row, "equivalent", "not worse")]
    as_good = [row for row in equal if _smaller(row, reference)]
    if as_good:
        row = min(as_good, key=_size)
        return conclude("as good", row, as_good, take=row)
    if equal and reference.parameters is None:
        return conclude("as good", equal[0], equal)
    higher = [row for row in above if _is(row, "differs") and _difference(row) > 0.0]
    if higher or is_single_run(reference) or all(map(is_single_run, others)):
        row = max(higher, key=_difference, default=reference)
        return conclude("single runs", row, higher)
    if all(_is(row, "n/a") for row in others):
        return conclude("no interval", reference, others)
    if all(_is(row, "worse") for row in others):
        closest = max(others, key=_difference)
        return conclude("others worse", closest, others, take=reference)
    if len(above) == 1:
        return _several("above control", above, candidates)
    unclear = [row for row in above if row not in equal and not _is(row, "worse")]
    smaller = [row for row in unclear if _smaller(row, reference)]
    if smaller:
        return conclude("undecided", min(smaller, key=_size), smaller)
    rivals = [row for row in others if row in above and not _is(row, "worse")]
    smallest = only_smallest([reference, *rivals])
    return conclude("none better", reference, rivals, take=smallest)


def _is(row: Row, *verdicts: str) -> bool:
    return row.comparison is not None and row.comparison.verdict in verdicts


def _difference(row: Row) -> float:
    """The difference to the reference; minus infinity where there is none."""
    value = math.nan if row.comparison is None else row.comparison.difference.value
    return -math.inf if math.isnan(value) else value


def _over_control(row: Row) -> float:
    """The difference to the best control; minus infinity where there is none."""
    value = math.nan if row.over_control is None else row.over_control.value
    return -math.inf if math.isnan(value) else value


def _size(row: Row) -> float:
    return math.inf if row.parameters is None else row.parameters


def _smaller(row: Row, reference: Row) -> bool:
    """Whether both sizes are known and the row has fewer parameters."""
    return reference.parameters is not None and _size(row) < reference.parameters
