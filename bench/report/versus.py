"""Each row against the reference, as cells and in sentences."""

from __future__ import annotations

import math
from collections import defaultdict

from bench.evaluate.comparison import SIGNIFICANCE, Comparison
from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Row, Table
from bench.report.labels import label
from bench.report.levels import difference, size, span
from bench.report.words import many

ONE_RUN = "(one run)"


def heads(table: Table) -> list[str]:
    """Of the columns of :func:`cells`; none where the table has no reference."""
    return ["difference", "p", "verdict"] if table.reference else []


def cells(row: Row, table: Table) -> list[str]:
    """Difference with its interval, corrected p, verdict."""
    if table.reference is None:
        return []
    if is_reference(row, table):
        return ["reference", "–", "–"]
    if row.versus is None:
        return ["n/a"] * 3
    one = row.versus
    interval = "" if one.difference.reason else f" ({span(one.difference, signed=True)})"
    return [
        f"{difference(one.difference.value)}{interval}",
        show_p(one.p_holm),
        verdict(row, table),
    ]


def verdict(row: Row, table: Table) -> str:
    """What the comparison says, and whether it says it of single training runs.

    Args:
        row: one that was compared.
        table: with a reference.
    """
    text = row.versus.verdict if row.versus else "n/a"
    return f"{text} {ONE_RUN}" if text in ("better", "worse") and _alone(row, table) else text


def is_reference(row: Row, table: Table) -> bool:
    """Whether it is the row that all others are held against."""
    return table.reference is not None and row.is_reference


def trained_otherwise(row: Row, _: Table) -> bool:
    """Whether a network's settings, its own options aside, are others than the reference's."""
    return row.trained_otherwise


def show_p(p: float) -> str:
    """``0.031``; ``<0.001``; ``n/a``; ``0.0499`` where three digits would hide the verdict."""
    if math.isnan(p):
        return "n/a"
    if p < 0.0005:
        return "<0.001"
    rounded = f"{p:.3f}"
    return f"{p:.4f}" if float(rounded) == SIGNIFICANCE else rounded


def shown_where(table: Table) -> str:
    """When a difference counts as shown: ``p below 0.05 after the correction for …``."""
    return f"p below {SIGNIFICANCE} after the correction for {_comparisons(table)}"


def sentences(table: Table) -> list[str]:
    """What difference, p and verdict mean here, and what could have been seen."""
    if table.reference is None:
        return [_no_reference(table)]
    reference = _described(table.reference, table)
    compared = [(row, row.versus) for row in table.rows if row.versus is not None]
    if not compared:
        return [f"The reference is {reference}; no other row has finished."]
    measure = columns(table.outputs)[leading(table.outputs)]
    lines = [
        f"Difference: {measure} less that of the reference, {reference}, both on the same "
        "images and resamples. p: two-sided, that there is no difference, corrected for "
        f"{_comparisons(table)} (Holm). Better or worse where it is below "
        f"{SIGNIFICANCE}; cannot tell is no proof of equality. An interval is of its comparison "
        "alone: it can leave out zero where the corrected p tells nothing."
    ]
    if any(cells(row, table)[-1].endswith(ONE_RUN) for row, _ in compared):
        lines.append(
            f"{ONE_RUN}: the row, the reference or both are one training run each; what another "
            "run of the same network would give is neither in the interval nor in the verdict."
        )
    return [
        *lines,
        *_power(compared, table),
        *_check(compared, table),
        *_other_training(compared, table),
        *_other_images(compared),
        *_not(compared),
    ]


Compared = list[tuple[Row, Comparison]]


def _comparisons(table: Table) -> str:
    if table.hidden:
        return "all comparisons, those of hidden rows among them"
    tests = sum(row.versus is not None and not math.isnan(row.versus.p) for row in table.rows)
    return many(tests, "comparison")


def _alone(row: Row, table: Table) -> bool:
    return any(
        one is not None and one.kind == "network" and len(one.seeds) == 1
        for one in (row, table.reference)
    )


def _described(reference: Row, table: Table) -> str:
    name = (reference.model, reference.loss)
    fitting = [row for row in table.rows if row.runs and (row.model, row.loss) == name]
    if len(fitting) == 1:
        return reference.name
    settings = f" ({reference.settings})" if reference.settings else ""
    return (
        f"{reference.name}{settings} (of its {len(fitting)} rows a tuned one, of several one with "
        "the most seeds, and of these the one that was trained as most networks of the table were; "
        "never chosen by its figures)"
    )


def _no_reference(table: Table) -> str:
    name = f"{table.wanted.model} {table.wanted.loss}".strip()
    return (
        f"No row is held against another: the reference {name} has not finished here. Run it, or "
        "choose another with --reference MODEL[:LOSS]."
    )


def _power(compared: Compared, table: Table) -> list[str]:
    smallest = sorted(one.smallest for _, one in compared if not math.isnan(one.smallest))
    if not smallest:
        return []
    least, most = size(smallest[0]), size(smallest[-1])
    by_row = least if least == most else f"{least} to {most}, depending on the row"
    return [
        "The smallest true difference that such a comparison would have shown with a probability "
        f"of 80 % ({shown_where(table)}): {by_row}."
    ]


def _check(compared: Compared, table: Table) -> list[str]:
    gaps = [abs(one.delong_p - one.p) for _, one in compared if one.delong_p is not None]
    gaps = [gap for gap in gaps if not math.isnan(gap)]
    if not gaps:
        return []
    return [
        f"Checked by DeLong's test{clustered(table)}: its p and those of the resamples, both "
        f"before the correction, differ by {max(gaps):.3f} at most "
        f"({many(len(gaps), 'comparison')})."
    ]


def clustered(table: Table) -> str:
    """By whose method DeLong's variance knows that images of a patient resemble each other."""
    test = table.data.parts["test"]
    if test.patients in (None, test.images):
        return ""
    return ", clustered by patient (Obuchowski 1997)"


def _other_training(compared: Compared, table: Table) -> list[str]:
    names = [label(row, table) for row, _ in compared if trained_otherwise(row, table)]
    if not names:
        return []
    return [
        f"Trained with other settings than the reference: {', '.join(names)}; such "
        "a difference may be that of the settings."
    ]


def _other_images(compared: Compared) -> list[str]:
    most = max(one.images for _, one in compared)
    return [
        f"{row.name} and the reference are compared on the {many(one.images, 'image')} that both "
        "answer."
        for row, one in compared
        if one.images < most
    ]


def _not(compared: Compared) -> list[str]:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for row, one in compared:
        if one.difference.reason:
            by_reason[one.difference.reason].append(row.name)
    return [
        f"n/a: no interval of the difference, since {reason} ({', '.join(names)})."
        for reason, names in by_reason.items()
    ]
