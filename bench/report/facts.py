"""The sentences around a table: what it rests on, how to read it, what failed."""

from __future__ import annotations

from typing import Any

from bench.report.cells import DAGGER, MIXED
from bench.report.collect import Table
from bench.report.training import training_line
from bench.report.words import many


def title(table: Table) -> str:
    """``nih (ChestX-ray14), split official, 64 px, task m1 (normal or abnormal?)``."""
    data = table.data
    source = f"{data['source']} ({data['root']})" if data["root"] else data["source"]
    return (
        f"{source}, split {data['split']['name']}, {data['image_size']} px, "
        f"task {data['task']} ({data['question']})"
    )


def counts(table: Table) -> tuple[list[str], list[list[str]]]:
    """Head and body of the table of parts: images, patients, images a class, prevalence."""
    parts: dict[str, Any] = table.data["parts"]
    classes = list(next(iter(parts.values()))["classes"])
    head = ["part", "images", "patients", *classes, f"{classes[-1]} %"]
    body = []
    for name, part in parts.items():
        patients = "unknown" if part["patients"] is None else f"{part['patients']:,}"
        by_class = [part["classes"][c] for c in classes]
        share = 100 * by_class[-1] / part["images"]
        body.append(
            [name, f"{part['images']:,}", patients, *(f"{n:,}" for n in by_class), f"{share:.1f}"]
        )
    return head, body


def resting_on(table: Table) -> list[str]:
    """What the table rests on: the data, what leaks, versions and device, the training."""
    training = training_line(table.settings)
    return [
        *table.data["notes"],
        *_skipped(table),
        *_leakage(table),
        *_provenance(table),
        *([training] if training else []),
    ]


def _leakage(table: Table) -> list[str]:
    """One sentence for each pair of parts, and one for identical images in the whole set."""
    lines = []
    for pair in table.data["leakage"]:
        where = f"{pair['earlier']} and {pair['later']}"
        identical = pair["identical_images"]
        copies = (
            "identical images unknown"
            if identical is None
            else (
                f"{many(identical, pair['later'] + ' image')} with an identical copy in "
                f"{pair['earlier']}"
            )
        )
        lines.append(f"{where}: {_shared_patients(pair)}; {copies}")
    lines.append(
        f"in the whole set: {many(table.data['identical_images'], 'image')} with an identical copy"
    )
    return lines


def _shared_patients(pair: dict[str, Any]) -> str:
    if pair["shared_patients"] is None:
        return "shared patients unknown"
    images, total = pair["images_of_shared_patients"], pair["later_images"]
    shared = (
        f"{many(pair['shared_patients'], 'patient')} shared "
        f"({images:,} of {total:,} {pair['later']} images)"
    )
    # Runs of the first versions did not count them: they knew all patients or none.
    unknown = pair.get("unknown_patients", 0)
    if unknown == 0:
        return shared
    verb = "has" if unknown == 1 else "have"
    return f"at least {shared}; {many(unknown, 'image')} {verb} no patient id"


def _provenance(table: Table) -> list[str]:
    """Fingerprints, dates, versions, commit and device; one line for each distinct environment."""
    data = table.data
    dates = sorted(environment["date"][:10] for environment in table.environments)
    first, last = dates[0], dates[-1]
    lines = [
        f"data {data['fingerprint'][:16]}, split {data['split']['hash'][:16]} "
        f"(seed {data['split']['seed']}), "
        + (f"run on {first}" if first == last else f"run from {first} to {last}")
    ]
    for environment in table.environments:
        versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items())
        commit = f"commit {environment['commit']}; " if environment["commit"] else ""
        lines.append(
            f"{commit}{versions}; {environment['device']}, "
            f"{many(environment['threads'], 'thread')}, {environment['platform']}"
        )
    return list(dict.fromkeys(lines))


def _skipped(table: Table) -> list[str]:
    """What was left out of the data because ``data.on_bad`` is ``skip``."""
    by_kind = table.data["skipped"]
    if not by_kind:
        return []
    listed = ", ".join(f"{len(images):,} {kind}" for kind, images in by_kind.items())
    return [f"skipped images (data.on_bad=skip; named in each run's data.json): {listed}"]


def legend(table: Table) -> list[str]:
    """How to read the figures, and what each mark means."""
    mixed = any(row.timed_on_several_devices for row in table.rows)
    lines = [
        "Metrics are of the test part. The threshold behind accuracy, sensitivity, specificity, "
        "precision and F1 was chosen on the validation part (largest sensitivity + specificity) "
        "and applied to the test part.",
        *_about_seeds(table),
        "Bold: best as shown, only where one row alone has it; never for sensitivity, specificity "
        "and precision, which are bought from one another. Brier and ECE: smaller is better.",
        "train s: seconds in training steps; images/s: training images a second"
        + (f"; {MIXED}: the row's runs were on several devices." if mixed else "."),
    ]
    if any(row.below_controls for row in table.rows) and table.best_control:
        name, auc = table.best_control
        lines.append(
            f"{DAGGER} not above the best control ({name}, AUC {auc:.3f}), which sees no lungs."
        )
    if any(row.loss.startswith("sin") for row in table.rows):
        lines.append(
            "sin, sin_hump: the paper's equation (9), which defines the weight, could not be "
            "found; both are reconstructions."
        )
    return lines


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


def failures(table: Table) -> list[str]:
    """Every failed run and every control that this data cannot have, with the reason."""
    lines = []
    for row in table.rows:
        name = f"{row.model} {row.loss}".strip()
        lines += [f"{name}, seed {seed}, failed: {reason}" for seed, reason in row.failures]
        if row.unavailable:
            lines.append(f"control {row.model} is not available: {row.unavailable}")
    # A library's message can have several lines; here each has one.
    return [" ".join(line.split()) for line in lines]
