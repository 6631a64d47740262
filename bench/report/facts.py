"""The sentences around a table: what it rests on, and what happened to its runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.description import PartRecord
from bench.data.leakage import Leakage
from bench.evaluate.results import Table
from bench.report.grid import Grid
from bench.report.report import Report
from bench.report.training import training_line
from bench.report.words import many
from bench.runs.records import ImportRecord
from bench.runs.run import Unfinished


def title(table: Table) -> str:
    """``nih (ChestX-ray14), split official, 64 px, task m1 (normal or abnormal?)``."""
    data = table.data
    source = f"{data.source} ({data.root})" if data.root else data.source
    # Imported predictions alone know no pixels.
    size = f"{data.image_size} px, " if data.image_size else ""
    return f"{source}, split {data.split.name}, {size}task {data.task} ({data.question})"


def counts(table: Table) -> Grid:
    """Images, patients and images a class of each part."""
    parts = table.data.parts
    return _counts_of_two(parts) if table.outputs.binary else _counts_of_findings(parts)


def _counts_of_two(parts: dict[str, PartRecord]) -> Grid:
    """A row for each part; the prevalence is that of the second class."""
    classes = list(next(iter(parts.values())).classes)
    body = []
    for name, part in parts.items():
        by_class = [part.classes[c] for c in classes]
        share = 100 * by_class[-1] / part.images
        images = f"{part.images:,}"
        body.append([name, images, _patients(part), *(f"{n:,}" for n in by_class), f"{share:.1f}"])
    return Grid(
        head=["part", "images", "patients", *classes, f"{classes[-1]} %"], body=body, left=1
    )


def _counts_of_findings(parts: dict[str, PartRecord]) -> Grid:
    """A column for each part: fourteen findings would be too wide. Each count with its share."""
    body = [
        ["images", *(f"{part.images:,}" for part in parts.values())],
        ["patients", *(_patients(part) for part in parts.values())],
    ]
    for name in next(iter(parts.values())).classes:
        images = [(part.classes[name], part.images) for part in parts.values()]
        body.append([name, *(f"{n:,} ({100 * n / total:.1f} %)" for n, total in images)])
    return Grid(head=["", *parts], body=body, left=1)


def _patients(part: PartRecord) -> str:
    return "unknown" if part.patients is None else f"{part.patients:,}"


def resting_on(table: Table) -> list[str]:
    """What the table rests on: the data, what leaks, versions and device, the training."""
    training = training_line(table.settings)
    return [
        *table.data.notes,
        *_skipped(table),
        *_leakage(table),
        *_provenance(table),
        *([training] if training else []),
        *_imported(table),
    ]


def _imported(table: Table) -> list[str]:
    """Where predictions that others made come from, and how much of the data they answer."""
    return [
        f"{row.name}: {_import(run.imported)}"
        for row in table.rows
        for run in row.runs
        if run.imported is not None
    ]


def _import(record: ImportRecord) -> str:
    answered = {part: record.images.get(part, 0) for part in ("test", "validation")}
    parts = [
        f"{answered[part]:,} of {total:,} {part} images"
        for part, total in sorted(record.of.items())
        if total
    ]
    how = {
        "noisy_or": ", its findings combined by noisy-or (1 - product of (1 - p))",
        "max": ", of its findings the most probable",
        None: "",
    }[record.combine]
    sentence = (
        f"predictions of others ({record.file}, sha256 {record.digest[:16]}{how}) answer "
        f"{' and '.join(parts)}"
    )
    if answered["test"] < record.of.get("test", 0):
        sentence += "; its figures are of these, and rows are compared on the images that both have"
    if not answered["validation"]:
        sentence += "; without validation images there is no threshold and no temperature for it"
    return (
        f"{sentence}. What they were made from, and whether these patients were in it, is unknown"
    )


def _leakage(table: Table) -> list[str]:
    """One sentence for each pair of parts, and one for identical images in the whole set."""
    lines = []
    for pair in table.data.leakage:
        where = f"{pair.earlier} and {pair.later}"
        identical = pair.identical_images
        copies = (
            "identical images unknown"
            if identical is None
            else (
                f"{many(identical, pair.later + ' image')} with an identical copy in {pair.earlier}"
            )
        )
        lines.append(f"{where}: {_shared_patients(pair)}; {copies}")
    whole = table.data.identical_images
    if whole is not None:
        lines.append(f"in the whole set: {many(whole, 'image')} with an identical copy")
    return lines


def _shared_patients(pair: Leakage) -> str:
    images, total = pair.images_of_shared_patients, pair.later_images
    if pair.shared_patients is None or images is None:
        return "shared patients unknown"
    shared = (
        f"{many(pair.shared_patients, 'patient')} shared "
        f"({images:,} of {total:,} {pair.later} images)"
    )
    unknown = pair.unknown_patients
    if unknown == 0:
        return shared
    verb = "has" if unknown == 1 else "have"
    return f"at least {shared}; {many(unknown, 'image')} {verb} no patient id"


def _provenance(table: Table) -> list[str]:
    """Fingerprints, dates, versions, commit and device; one line for each distinct environment."""
    data = table.data
    dates = sorted(environment.date[:10] for environment in table.environments)
    first, last = dates[0], dates[-1]
    lines = [
        f"data {data.fingerprint[:16]}, split {data.split.hash[:16]} "
        f"(seed {data.split.seed}), "
        + (f"run on {first}" if first == last else f"run from {first} to {last}")
    ]
    for environment in table.environments:
        versions = ", ".join(f"{k} {v}" for k, v in environment.versions.items())
        commit = f"commit {environment.commit}; " if environment.commit else ""
        lines.append(
            f"{commit}{versions}; {environment.device}, "
            f"{many(environment.threads, 'thread')}, {environment.platform}"
        )
    return list(dict.fromkeys(lines))


def _skipped(table: Table) -> list[str]:
    """What was left out of the data because ``data.on_bad`` is ``skip``."""
    by_kind = table.data.skipped
    if not by_kind:
        return []
    listed = ", ".join(f"{len(images):,} {kind}" for kind, images in by_kind.items())
    return [f"skipped images (data.on_bad=skip; named in each run's data.json): {listed}"]


def incidents(table: Table) -> list[str]:
    """What happened to single runs.

    Every failed run and every control that this data cannot have, with the reason, and every run
    that better settings replaced.
    """
    lines = []
    for row in table.rows:
        name = f"{row.model} {row.loss}".strip()
        lines += [f"{name}, seed {seed}, failed: {reason}" for seed, reason in row.failures]
        if row.unavailable:
            lines.append(f"control {row.model} is not available: {row.unavailable}")
    if table.superseded:
        of = many(len(table.superseded), "run")
        lines.append(
            f"{of} of settings that a tuning of a larger budget replaced "
            f"{'is' if len(table.superseded) == 1 else 'are'} in no row: "
            f"{', '.join(table.superseded)}"
        )
    # A library's message can have several lines; here each has one.
    return [" ".join(line.split()) for line in lines]


def without_row(report: Report) -> list[str]:
    """What was run and is in no table: tunings without a winner, and runs that have not ended."""
    failed = [
        f"tuning {one.model} {one.loss} (experiment {one.experiment}, task {one.task}) has no "
        f"winner: {one.reason}"
        for one in report.failed_tunings
    ]
    return [*failed, *still_open(report.unfinished)]


def still_open(unfinished: Sequence[Unfinished]) -> list[str]:
    """The runs that are in no table, since they have not ended."""
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
