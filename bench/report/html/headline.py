"""What a table says, in a sentence or three: the first thing that a reader sees.

The order is that of what matters: whether the networks learned anything at all, then who is better
or worse than the reference beyond chance, then how far single runs and this test set can tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from bench.evaluate.measures import columns
from bench.evaluate.results import Row, Table
from bench.report.labels import label
from bench.report.levels import score, size, span
from bench.report.versus import shown_where, trained_otherwise
from bench.report.words import all_of, many

# More names than this are counted, and the furthest from the reference is named.
NAMED = 3


def headline(table: Table) -> list[str]:
    """The sentences, in their order.

    Args:
        table: the comparison.
    """
    return [
        *_synthetic(table),
        *_about_controls(table),
        *_about_reference(table),
        *_about_seeds(table),
        *_about_failures(table),
        *_about_hidden(table),
    ]


def where(table: Table) -> str:
    """``nih (official split, 25,596 test images of 2,797 patients)``."""
    data, test = table.data, table.data.parts["test"]
    patients = "" if test.patients is None else f" of {many(test.patients, 'patient')}"
    images = f"{many(test.images, 'test image')}{patients}"
    return f"{data.source} ({data.split.name} split, {images})"


def _judged(table: Table) -> list[Row]:
    """All that claims to see something, and has figures."""
    return [row for row in table.rows if row.kind != "control" and row.metrics]


def _synthetic(table: Table) -> Iterator[str]:
    if table.data.source == "phantom":
        yield "The images are synthetic: this says nothing about real X-rays."


def _about_controls(table: Table) -> Iterator[str]:
    networks = [row for row in _judged(table) if row.kind == "network"]
    below = [row for row in networks if row.below_controls]
    if not networks:
        yield f"No network has finished on {where(table)}."
    elif not table.best_controls:
        yield "No control has finished: whether the networks learned anything is not known."
    elif below:
        best = ""
        if len(table.best_controls) == 1:
            ((name, auc),) = table.best_controls.values()
            best = f" ({name}, {_measure(table)} {score(auc)})"
        if len(below) == len(networks):
            yield (
                f"On {where(table)} no network is above the best control{best}, which sees no "
                "lungs: differences between the networks say nothing."
            )
        else:
            which = _names(below, table) if len(below) <= NAMED else "marked † below"
            yield (
                f"{len(below)} of {many(len(networks), 'network')} "
                f"{'is' if len(below) == 1 else 'are'} not above the best control{best}, which "
                f"sees no lungs: {which}."
            )


def _about_reference(table: Table) -> Iterator[str]:
    judged = _judged(table)
    networks = [row for row in judged if row.kind == "network"]
    if not judged:
        return
    if networks and all(row.below_controls for row in networks):
        yield from _about_imported(table)
        return
    if table.reference is None:
        # Those that answer some of the images are not to be held against those that answer all.
        best = next((row for row in judged if row.answered is None), None)
        highest = (
            f"the highest {_measure(table)} is that of {label(best, table)}, {_value(best)}; "
            if best
            else ""
        )
        yield (
            f"On {where(table)} {highest}the row to hold all others against has not finished, so "
            "that no difference was tested."
        )
        return
    reference = label(table.reference, table)
    compared = [row for row in judged if row.versus is not None]
    if not compared:
        yield f"On {where(table)} there is nothing to hold against {reference}."
        return
    parts = [
        _side(compared, table, "better", reference)
        or f"none is better than {reference} beyond chance",
        _side(compared, table, "worse", reference if _of(compared, "better") else ""),
    ]
    yield f"On {where(table)} {'; '.join(part for part in parts if part)}."
    yield from _about_training([*_of(compared, "better"), *_of(compared, "worse")], table)
    unclear = _of(compared, "cannot tell")
    if unclear:
        yield _unclear(unclear, table, reference, of=len(compared))
    untold = _of(compared, "n/a")
    if untold:
        reasons = dict.fromkeys(row.versus.difference.reason for row in untold if row.versus)
        which = _names(untold, table) if len(untold) <= NAMED else many(len(untold), "row")
        yield f"Of {which} nothing can be said: {'; '.join(reasons)}."


def _about_imported(table: Table) -> Iterator[str]:
    """Where no network learned anything, others may have."""
    imported = [row for row in _judged(table) if row.kind == "imported"]
    best = next((row for row in imported if row.answered is None), None)
    if best is not None:
        yield (
            f"Of what was imported, {best.model} has the highest {_measure(table)}, {_value(best)}."
        )
    elif imported:
        yield "Nothing that was imported answers the whole test part."


def _of(rows: Sequence[Row], verdict: str) -> list[Row]:
    return [row for row in rows if row.versus and row.versus.verdict == verdict]


def _side(rows: Sequence[Row], table: Table, verdict: str, reference: str) -> str:
    """``resnet18 ce is worse by 0.020 (0.010 to 0.030)``; "" where nothing is."""
    found = sorted(_of(rows, verdict), key=lambda row: -abs(_difference(row)))
    if not found:
        return ""
    than = f" than {reference}" if reference else ""
    if len(found) > NAMED:
        return (
            f"{len(found)} of {len(rows)} are {verdict}{than}, {label(found[0], table)} the "
            f"furthest, by {_by(found[0])}"
        )
    verb = "is" if len(found) == 1 else "are"
    return (
        f"{_names(found, table)} {verb} {verdict}{than}, by {all_of([_by(row) for row in found])}"
    )


def _about_training(rows: Sequence[Row], table: Table) -> Iterator[str]:
    """A difference may be that of the settings."""
    others = [row for row in rows if trained_otherwise(row, table)]
    if others and table.reference is not None:
        which = _names(others, table) if len(others) <= NAMED else f"{len(others)} of these rows"
        yield (
            f"{label(table.reference, table)} was trained with other settings than {which}, and so "
            "the difference may be that of the settings."
        )


def _difference(row: Row) -> float:
    return math.nan if row.versus is None else row.versus.difference.value


def _by(row: Row) -> str:
    """A difference without its sign, and its interval likewise."""
    if row.versus is None:
        return "n/a"
    one = row.versus.difference
    ends = sorted([one.low, one.high], key=abs)
    return f"{size(one.value)} ({size(ends[0])} to {size(ends[1])})"


def _unclear(rows: Sequence[Row], table: Table, reference: str, *, of: int) -> str:
    if len(rows) == 1:
        which = f"{label(rows[0], table)} differs"
    elif len(rows) == of:
        which = "any other differs"
    else:
        which = f"the {len(rows)} others differ"
    smallest = [row.versus.smallest for row in rows if row.versus]
    known = [value for value in smallest if not math.isnan(value)]
    power = (
        f": a true difference of about {size(median(known))} would have been shown on this test "
        f"set four times in five ({shown_where(table)}), a smaller one less often"
        if known
        else ""
    )
    return f"Whether {which} from {reference} cannot be told{power}."


def _about_seeds(table: Table) -> Iterator[str]:
    seeds = {len(row.seeds) for row in _judged(table) if row.kind == "network"}
    if seeds == {1}:
        yield "One run each: this is about these runs, and another seed may turn it round."
    elif 1 in seeds:
        yield "Some rows are a single run: there a difference is that of these runs alone."


def _about_failures(table: Table) -> Iterator[str]:
    failed = sum(len(row.failures) for row in table.rows)
    if failed:
        yield f"{many(failed, 'run')} failed and {'is' if failed == 1 else 'are'} in no figure."


def _about_hidden(table: Table) -> Iterator[str]:
    if table.hidden:
        yield f"{many(table.hidden, 'row')} {'is' if table.hidden == 1 else 'are'} not shown here."


def _measure(table: Table) -> str:
    return next(iter(columns(table.outputs).values()))


def _value(row: Row) -> str:
    figure = next(iter(row.metrics.values()))
    known = figure.interval is not None and not figure.interval.reason
    shown = f" ({span(figure.interval, signed=False)})" if known and figure.interval else ""
    return f"{score(figure.mean)}{shown}"


def _names(rows: Sequence[Row], table: Table) -> str:
    return all_of([label(row, table) for row in rows])
