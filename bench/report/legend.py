"""How to read the figures and marks of each table, in sentences."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.evaluate.measures import columns, leading
from bench.evaluate.metrics import CALIBRATION_BINS
from bench.evaluate.results import Row, Table
from bench.evaluate.settings import AS_CONFIGURED, TUNED
from bench.report import versus
from bench.report.cells import DAGGER, MIXED
from bench.report.levels import PERCENT
from bench.report.words import RECONSTRUCTED, all_of, many


def comparison(table: Table) -> list[str]:
    """Of the table that says who is better."""
    mixed = any(row.timed_on_several_devices for row in table.rows)
    lines = [
        *_about_intervals(table),
        *_hidden(table),
        *versus.sentences(table),
        *_about_delong(table),
        *without_interval(table, [leading(table.outputs)]),
        *_left_out(table),
        _about_bold(table),
        "train s: seconds in training steps; images/s: training images a second; inference "
        "images/s: while the test part was answered"
        + (f"; {MIXED}: the row's runs were on several devices." if mixed else "."),
    ]
    if any(row.settings.startswith(TUNED) for row in table.rows):
        lines.append(f"{TUNED}: settings that were searched for; see the table Tuning.")
    if any(row.settings.startswith(AS_CONFIGURED) for row in table.rows):
        lines.append(
            f"{AS_CONFIGURED}: settings that were not searched for; the formats html and json have "
            "all that a row was trained with."
        )
    if any(row.answered for row in table.rows):
        lines.append(
            "Images in brackets behind a name: the row answers these alone, its figures are of "
            "them, and so it is neither bold nor marked."
        )
    if any(row.below_controls for row in table.rows):
        lines.append(f"{DAGGER} not above {_best_control(table)}, which sees no lungs.")
    if any(row.loss.startswith("sin") for row in table.rows):
        lines.append(RECONSTRUCTED)
    return lines


def threshold(table: Table) -> list[str]:
    """Of the measures of a two-class task that rest on a threshold."""
    positive = table.outputs.classes[1]
    lines = [
        "The threshold behind accuracy, sensitivity, specificity, precision and F1 was chosen on "
        "the validation part (largest sensitivity + specificity) and applied to the test part; "
        "the intervals take it as given."
    ]
    # Of a sick chest it goes without saying.
    return lines if positive == "abnormal" else [*lines, f"The positive class is {positive!r}."]


def operating(table: Table) -> list[str]:
    """Of the operating points of a two-class task."""
    test = table.data.parts["test"]
    positive = table.outputs.classes[1]
    share = 100 * test.classes[positive] / test.images
    return [
        "Sensitivity at a specificity is read off the ROC curve of the test part itself: it "
        "describes the ranking and promises nothing of a threshold chosen beforehand. Needed to "
        "read: images called positive for each that is rightly so, at that same point; smaller is "
        f"better, and it holds at this test part's {share:.1f} % {positive} alone. AP (average "
        "precision) depends on that share too."
    ]


def calibration(_: Table) -> list[str]:
    """Of the calibration of a two-class task."""
    return [
        "Brier: mean squared error of the probability. ECE: mean distance of probability and "
        f"share of positives over {CALIBRATION_BINS} bins of equally many images. Smaller is "
        "better. ECE is biased upward where images are few; its interval says how much it "
        "spreads, with what resampling adds to the bias taken out.",
        "Temperature: fitted on the validation part; above 1 the network was too sure of itself. "
        "Scaled: with its logits divided by it. Scaling changes no rank, and so no AUC.",
    ]


def without_interval(table: Table, names: Sequence[str]) -> list[str]:
    """Why measures have no interval, or no value, in some rows.

    Args:
        table: the comparison.
        names: of its measures.
    """
    called = columns(table.outputs)
    finished = [row for row in table.rows if row.runs]
    reasons: defaultdict[tuple[str, str], defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for name in names:
        for reason, rows in _reasons(finished, name).items():
            valueless = all(math.isnan(row.metrics[name].mean) for row in rows)
            what = "No value of" if valueless else "No interval of"
            reasons[what, reason][_rows(rows, finished)].append(called[name])
    lines = []
    for (what, reason), by_rows in reasons.items():
        each = (f"{all_of(heads)} ({rows})" for rows, heads in by_rows.items())
        lines.append(f"{what} {'; '.join(each)}: {reason}.")
    return lines


def _reasons(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """The rows in which a measure has no interval, by the reason."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        figure = row.metrics.get(name)
        if figure is None or figure.interval is None or not figure.interval.reason:
            continue
        # A temperature is a choice; only where there is none is there something to explain.
        if name != "temperature" or math.isnan(figure.mean):
            found[figure.interval.reason].append(row)
    return found


def _rows(rows: Sequence[Row], finished: Sequence[Row]) -> str:
    return "any row" if len(rows) == len(finished) else ", ".join(row.name for row in rows)


def _about_intervals(table: Table) -> list[str]:
    networks = [row for row in table.rows if row.kind == "network" and row.seeds]
    draws = _resamples(table)
    if not draws:
        return ["Figures are of the test part."]
    several = any(len(row.seeds) > 1 for row in networks)
    drawn = "patients, and seeds where there are several" if several else "patients"
    lines = [
        f"Figures are of the test part. With them, in brackets or in a line below: {PERCENT} "
        f"intervals, by {draws:,} resamples of the {drawn}, the same for all rows."
    ]
    if several:
        lines.append(
            "With several seeds: mean ± sample standard deviation over seeds. Two or three runs "
            "tell little of how much runs differ, and so their intervals are wide."
        )
    elif networks:
        lines.append(
            "One seed a row: differences between rows may be chance, since intervals and p say "
            "what other patients would give and not what another training run would; run more "
            "seeds (--seeds 0,1,2)."
        )
    return lines


def _hidden(table: Table) -> list[str]:
    if not table.hidden:
        return []
    are = "is" if table.hidden == 1 else "are"
    return [
        f"{many(table.hidden, 'row')} {are} hidden by the filters; what is looked at changes no "
        "figure, since hidden rows are compared and corrected for like all others."
    ]


def _about_delong(table: Table) -> list[str]:
    if all(row.delong is None or row.delong.reason for row in table.rows):
        return []
    return [
        f"DeLong's intervals of the AUC of rows of one run{versus.clustered(table)}, to check "
        "those of the resamples, are in the formats csv and json."
    ]


def _resamples(table: Table) -> int:
    name = leading(table.outputs)
    return next((len(one.figures[name].draws) for row in table.rows for one in row.scores), 0)


def _left_out(table: Table) -> list[str]:
    most = max(
        (
            figure.interval.left_out
            for row in table.rows
            for figure in row.metrics.values()
            if figure.interval is not None and not figure.interval.reason
        ),
        default=0,
    )
    if not most:
        return []
    return [
        f"Up to {most:,} of {_resamples(table):,} resamples left a measure undefined, since a "
        "class was not drawn or nothing was called, and were left out of its interval: the test "
        "set is small."
    ]


def _best_control(table: Table) -> str:
    """By name and AUC, where all rows learned from the same share of the training part."""
    if len({row.train_share for row in table.rows}) > 1:
        return "the best control of the same share"
    ((name, auc),) = table.best_controls.values()
    return f"the best control ({name}, {columns(table.outputs)[leading(table.outputs)]} {auc:.3f})"


def _about_bold(table: Table) -> str:
    rule = "Bold: best as shown, only where one row alone has it, which is no verdict; never for"
    if table.outputs.binary:
        return (
            f"{rule} sensitivity, specificity and precision at the threshold, which are bought "
            "from one another."
        )
    return f"{rule} sensitivity, which is bought with false alarms."
