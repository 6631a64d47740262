"""How to read the figures of tasks that name findings, in sentences."""

from __future__ import annotations

import math
from collections import defaultdict

from bench.evaluate.results import Row, Table
from bench.report.levels import PERCENT
from bench.report.words import all_of, any_of


def averages(table: Table) -> list[str]:
    """Of the measures over all findings."""
    if table.outputs.kind == "multiclass":
        return [
            "The answer for an image is its most probable finding: accuracy, sensitivity (the "
            "share of a finding's images that are answered with it) and F1 are of these answers. "
            "AUC and AP set each finding against all others.",
            _about_averages(table),
        ]
    return [
        "Each finding has its own threshold, chosen on the validation part (largest sensitivity + "
        "specificity) and applied to the test part: sensitivity, F1 and exact match rest on it. "
        "Exact match: the share of images of which every finding is called rightly.",
        *_about_findings_without_example(table),
        _about_averages(table),
    ]


def findings(table: Table) -> list[str]:
    """Of the tables of single findings."""
    lines = [
        "n/a: no test image has the finding, or none lacks it, or nothing was called. The "
        f"{PERCENT} intervals of single findings are in the formats csv and json."
    ]
    partial = [row.name for row in table.rows if row.answered]
    if partial:
        answer = "answers" if len(partial) == 1 else "answer"
        lines.append(
            f"The heads count images of the whole test part; {all_of(partial)} {answer} some of "
            "them."
        )
    return lines


def _about_averages(table: Table) -> str:
    finished = [row for row in table.rows if row.macro_over]
    # Rows that answer the whole test part agree on this; of the others each has its own images.
    whole = list(dict.fromkeys(_macro_over(row) for row in finished if row.answered is None))
    partial: defaultdict[str, list[str]] = defaultdict(list)
    for row in finished:
        if row.answered is not None and _macro_over(row):
            partial[_macro_over(row)].append(row.name)
    said = [
        "Macro: mean over the findings, each counting the same",
        *filter(None, whole),
        *(f"of {all_of(names)} {over}" for over, names in partial.items()),
    ]
    return (
        f"{'; '.join(said)}. Micro: all pairs of an image and a finding pooled. A resample in "
        "which a finding is not drawn has the macro mean of the others."
    )


def _macro_over(row: Row) -> str:
    """Over which findings a row's macro averages are; "" where over all."""
    which = "" if row.answered is None else " that it answers"
    absent = [
        name
        for name, figures in row.findings.items()
        # The one figure that is defined wherever an image has the finding.
        if math.isnan(figures["average_precision"].mean)
    ]
    classes, ranked = len(row.findings), row.macro_over["auc"]
    present = classes - len(absent)
    said = []
    if absent:
        said.append(f"over {present} of {classes} (no test image{which} has {any_of(absent)})")
    if ranked < present:
        said.append(
            f"macro AUC over {ranked} of {classes}, those that some test images{which} have and "
            "others lack"
        )
    return "; ".join(said)


def _about_findings_without_example(table: Table) -> list[str]:
    # Where all predictions were imported, there need not be more than a test part.
    validation = table.data.parts.get("validation")
    counts = validation.classes if validation else {}
    unseen = [name for name in table.outputs.classes if counts.get(name) == 0]
    if not unseen:
        return []
    return [
        f"No validation image has {any_of(unseen)}: the threshold is above all "
        "validation probabilities, so that it is called on hardly any image."
    ]
