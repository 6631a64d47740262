"""How to read a table's figures and marks, in sentences."""

from __future__ import annotations

from bench.report.cells import DAGGER, MIXED
from bench.report.collect import Table
from bench.report.measures import columns
from bench.report.words import RECONSTRUCTED, any_of


def legend(table: Table) -> list[str]:
    """How to read the figures, and what each mark means."""
    mixed = any(row.timed_on_several_devices for row in table.rows)
    lines = [
        *_about_metrics(table),
        *_about_seeds(table),
        _about_bold(table),
        "train s: seconds in training steps; images/s: training images a second"
        + (f"; {MIXED}: the row's runs were on several devices." if mixed else "."),
    ]
    if any(row.below_controls for row in table.rows):
        lines.append(f"{DAGGER} not above {_best_control(table)}, which sees no lungs.")
    if any(row.loss.startswith("sin") for row in table.rows):
        lines.append(RECONSTRUCTED)
    return lines


def _best_control(table: Table) -> str:
    """By name and AUC, where all rows learned from the same share of the training part."""
    if len({row.train_share for row in table.rows}) > 1:
        return "the best control of the same share"
    ((name, auc),) = table.best_controls.values()
    leading = next(iter(columns(table.outputs).values()))
    return f"the best control ({name}, {leading} {auc:.3f})"


def _about_metrics(table: Table) -> list[str]:
    if table.outputs.binary:
        return [
            "Metrics are of the test part. The threshold behind accuracy, sensitivity, "
            "specificity, precision and F1 was chosen on the validation part (largest sensitivity "
            "+ specificity) and applied to the test part.",
            *_about_the_positive_class(table),
        ]
    if table.outputs.kind == "multiclass":
        return [
            "Metrics are of the test part. The answer for an image is its most probable finding: "
            "accuracy, sensitivity (the share of a finding's images that are answered with it) "
            "and F1 are of these answers. AUC and AP set each finding against all others.",
            _about_averages(table),
        ]
    return [
        "Metrics are of the test part. Each finding has its own threshold, chosen on the "
        "validation part (largest sensitivity + specificity) and applied to the test part: "
        "sensitivity, F1 and exact match rest on it. Exact match: the share of images of which "
        "every finding is called rightly.",
        *_about_findings_without_example(table),
        _about_averages(table),
    ]


def _about_the_positive_class(table: Table) -> list[str]:
    positive = table.outputs.classes[1]
    # Of a sick chest it goes without saying.
    return [] if positive == "abnormal" else [f"The positive class is {positive!r}."]


def _about_averages(table: Table) -> str:
    findings = len(table.outputs.classes)
    sentence = "Macro: mean over the findings, each counting the same"
    over = next((row.macro_over for row in table.rows if row.macro_over), None)
    if over is not None and over["recall"] < findings:
        absent = any_of(_without_image(table, "test"))
        sentence += f"; over {over['recall']} of {findings} (no test image has {absent})"
    if over is not None and over["auc"] < over["recall"]:
        sentence += (
            f"; macro AUC over {over['auc']} of {findings}, those that some test images have and "
            "others lack"
        )
    return f"{sentence}. Micro: all pairs of an image and a finding pooled."


def _about_findings_without_example(table: Table) -> list[str]:
    unseen = _without_image(table, "validation")
    if not unseen:
        return []
    return [
        f"No validation image has {any_of(unseen)}: the threshold is above all "
        "validation probabilities, so that it is called on hardly any image."
    ]


def _without_image(table: Table, part: str) -> list[str]:
    counts = table.data["parts"][part]["classes"]
    return [name for name in table.outputs.classes if counts[name] == 0]


def _about_bold(table: Table) -> str:
    rule = "Bold: best as shown, only where one row alone has it; never for sensitivity"
    if table.outputs.binary:
        return (
            f"{rule}, specificity and precision, which are bought from one another. "
            "Brier and ECE: smaller is better."
        )
    return f"{rule}, which is bought with false alarms."


def _about_seeds(table: Table) -> list[str]:
    seeds = max((len(row.seeds) for row in table.rows if row.kind == "network"), default=0)
    if seeds == 0:
        return []
    if seeds == 1:
        return [
            "One seed a row: differences between rows may be chance; "
            "run more seeds (--seeds 0,1,2)."
        ]
    return ["With several seeds: mean ± sample standard deviation over seeds."]
