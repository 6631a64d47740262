"""The cascade's tables as markdown, with the sentences that they need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bench.cascade.gather import CASCADE_TASKS, STAGES
from bench.cascade.scores import OVERALL, PER_FINDING
from bench.cascade.tables import Collected, Pair, Row, Table
from bench.data.description import DataRecord
from bench.data.leakage import Leakage
from bench.report.cells import show_figure
from bench.report.facts import still_open
from bench.report.grid import Grid
from bench.report.pipe import bullets, pipe_table
from bench.report.words import RECONSTRUCTED, many
from bench.runs.run import Unfinished

DASH = "–"
MISSING = "n/a"
# Only a cascade has stages to lose an image at.
_LOST = tuple(name for name in OVERALL if name.startswith("lost"))


def markdown(collected: Collected, *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All tables as GitHub-flavoured markdown.

    Args:
        collected: what :func:`bench.cascade.collect` gave.
        unfinished: runs that have not ended.
    """
    blocks = [block for table in collected.tables for block in _table(table)]
    left_out = [f"no table: {line}" for line in collected.without_table]
    left_out += still_open(unfinished)
    return "\n\n".join([*blocks, *([bullets(left_out)] if left_out else [])]) + "\n"


def _table(table: Table) -> Iterator[str]:
    data = table.data
    source = f"{data.source} ({data.root})" if data.root else data.source
    yield (
        f"## {source}, split {data.split.name}, {data.image_size} px: "
        f"the cascade {', '.join(STAGES)} and the flat network"
    )
    yield bullets(_resting_on(table))
    yield _overall(table)
    yield "\n\n".join(_legend(table))
    if problems := _problems(table):
        yield bullets(problems)
    for pair in table.pairs:
        if pair.cascade.kind == "network" and (pair.cascade.figures or pair.flat.figures):
            yield f"### {_name(pair.cascade)}, by finding"
            yield _by_finding(pair, table)


def _overall(table: Table) -> str:
    with_settings = any(row.settings for row in table.rows())
    heads = {name: f"{head} %" if name in _LOST else head for name, head in OVERALL.items()}
    columns = ["system", "model", "loss", *(["settings"] if with_settings else []), "weights"]
    body = [
        [
            row.system,
            f"control: {row.model}" if row.kind == "control" else row.model or DASH,
            row.loss or DASH,
            *([row.settings or DASH] if with_settings else []),
            row.weights or DASH,
            _seeds(row),
            *(_figure(name, row) for name in OVERALL),
        ]
        for row in table.rows()
    ]
    return pipe_table(Grid(head=[*columns, "seeds", *heads.values()], body=body, left=len(columns)))


def _seeds(row: Row) -> str:
    if row.kind == "network":
        lacking = f" ({len(row.problems)} missing)" if row.problems else ""
        return f"{len(row.answers)}{lacking}"
    return MISSING if row.problems else DASH


def _figure(name: str, row: Row) -> str:
    if name in _LOST and row.system != "cascade":
        return DASH
    if name == "auc" and row.system == "always normal":
        return DASH
    if not row.figures:
        return MISSING
    figure = row.figures[name]
    if name not in _LOST or math.isnan(figure.mean):
        return show_figure(figure)
    share = f"{100 * figure.mean:.1f}"
    return share if figure.deviation is None else f"{share} ± {100 * figure.deviation:.1f}"


def _by_finding(pair: Pair, table: Table) -> str:
    heads = [
        f"{system} {'soft AUC' if system == 'cascade' and name == 'auc' else head}"
        for system in ("cascade", "flat")
        for name, head in PER_FINDING.items()
    ]
    support = table.truth.labels.sum(axis=0)
    body = [
        [
            finding,
            f"{support[k]:,}",
            *(
                _of_finding(row, name, k)
                for row in (pair.cascade, pair.flat)
                for name in PER_FINDING
            ),
        ]
        for k, finding in enumerate(table.truth.findings)
    ]
    return pipe_table(Grid(head=["finding", "test images", *heads], body=body, left=1))


def _of_finding(row: Row, name: str, k: int) -> str:
    return show_figure(row.findings[name][k]) if row.findings else MISSING


def _resting_on(table: Table) -> list[str]:
    data, apart = table.data, table.separation
    return [
        *data.notes,
        f"checked by the split's file: none of the {many(len(apart.test), 'test image')} and none "
        f"of the {many(len(apart.validation), 'validation image')} is in the training part, from "
        f"which every stage learns; {_shared_patients(data)}; {_copies(data)}",
        *_learned_from(table),
        f"data {data.fingerprint[:16]}, split {data.split.hash[:16]} (seed {data.split.seed})",
    ]


def _learned_from(table: Table) -> list[str]:
    """How many images each stage had, from the fewest to the most where the rows differ."""
    texts = []
    for task in CASCADE_TASKS:
        counts = [r.training_images[task] for r in table.rows() if task in r.training_images]
        if counts:
            least, most = min(counts), max(counts)
            texts.append(f"{task} {least:,}" + (f" to {most:,}" if most > least else ""))
    return [f"training images: {', '.join(texts)}"] if texts else []


def _shared_patients(data: DataRecord) -> str:
    found = leakage(data)
    shared, unknown = found.shared_patients, found.unknown_patients
    if shared is None:
        return "patients shared by training and test: unknown"
    lower = "at least " if unknown else ""
    of = f" ({many(found.images_of_shared_patients or 0, 'test image')})" if shared else ""
    return f"patients shared by training and test: {lower}{shared:,}{of}"


def _copies(data: DataRecord) -> str:
    copies = leakage(data).identical_images
    if copies is None:
        return "identical copies: unknown"
    return f"test images with an identical copy in training: {copies:,}"


def leakage(data: DataRecord) -> Leakage:
    """What training and test share, as a run's ``data.json`` records it."""
    return next(pair for pair in data.leakage if (pair.earlier, pair.later) == ("train", "test"))


def _legend(table: Table) -> list[str]:
    shown = int(table.truth.labels.any(axis=0).sum())
    lines = [
        "Exact match: the share of test images whose answer is exactly the true findings. Normal "
        "right: the share of normal images that are answered so. Macro: mean over the "
        f"{shown} of {len(table.truth.findings)} findings that a test image shows (a finding that "
        "was never named has no precision, and is left out of that mean); micro: all findings of "
        f"all images together. {MISSING}: undefined, or not there.",
        "Cascade: m1 ends at normal, or m2 sends the image to m4, which names one finding, or to "
        "m3, which names two or more. Lost: the share of all test images for which that stage was "
        "the first to be wrong; with exact match they sum to 100 %. Its AUC is of the soft "
        "version, p(abnormal) · (p(several) · m3 + p(one) · m4). Flat: findings14. It is asked as "
        "the cascade is, first whether there is any finding (1 - product of 1 - p, as if they "
        "were independent), then which; its AUC is of its probabilities.",
        "Thresholds were chosen on the validation images that the stage is asked about: those of "
        "m1, m2 and of any finding for the largest sensitivity + specificity, those of each "
        "finding in m3 and in the flat network for its largest F1, which names a finding that "
        "cannot be told apart in every image that is asked about; m4 names the most probable one. "
        "AUC depends on none of them.",
        "The difference between a cascade and the flat network has no interval yet: a small one "
        "may be chance. A system that does not beat the controls, which see no lungs, and the "
        "answer always normal has shown nothing.",
    ]
    if any(len(row.answers) > 1 for row in table.rows()):
        lines.append("With several seeds: mean ± sample standard deviation over seeds.")
    if any(row.loss.startswith("sin") for row in table.rows()):
        lines.append(RECONSTRUCTED)
    return lines


def _problems(table: Table) -> list[str]:
    return [
        # A library's message can have several lines; here each has one.
        " ".join(f"no {row.system} of {_name(row)}, seed {p.seed}: {p.reason}".split())
        for row in table.rows()
        for p in row.problems
    ]


def _name(row: Row) -> str:
    parts = [f"control {row.model}" if row.kind == "control" else f"{row.model} {row.loss}"]
    parts += [row.settings] if row.settings else []
    return ", ".join(parts)
