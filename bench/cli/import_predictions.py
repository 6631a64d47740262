"""``bench import``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    LabelsChoice,
    given,
    labels_options,
    out_option,
    refuse_all_but,
    report_command,
)

if TYPE_CHECKING:
    from bench.imported import Combine, Imported


@click.command("import")
@click.argument(
    "path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@click.option(
    "--as", "name", metavar="NAME", help="Name of the predictions in the tables; not of a bundle.",
)  # fmt: skip
@labels_options
@click.option(
    "--task", metavar="NAME",
    help="The question they answer: m1 (normal?), m2 (one or several?), m3, m4, findings14 "
    "(which?). [default: the config's]",
)  # fmt: skip
@click.option(
    "--combine", type=click.Choice(["noisy_or", "max"]),
    help="One probability of m1 from columns of findings: 1 less the product of (1 - p), or the "
    "largest.",
)  # fmt: skip
@click.option(
    "--image-column", metavar="NAME",
    help="The column of images. [default: image, Image Index or path]",
)  # fmt: skip
@click.option(
    "--score-column", metavar="NAME",
    help="The column of probabilities. [default: probability, or prob_ and the class]",
)  # fmt: skip
@out_option
def import_command(
    *,
    path: Path,
    name: str | None,
    config: LabelsChoice,
    task: str | None,
    combine: Combine | None,
    image_column: str | None,
    score_column: str | None,
    out: Path,
) -> None:
    """Put predictions that others made into the tables, on the same images.

    FILE may be a bundle that `bench share` wrote: its runs become rows, and nothing else is to be
    said. Their split has to be one of the runs here, and their labels those here.

    Otherwise FILE is a table (CSV or Excel) with a header, a column `image` (or `Image Index`, or
    `path`, whose last part counts) and a column `probability`; or columns such as
    prob_Atelectasis, one for each finding, which --combine makes one of or a task that names
    findings keeps. Probabilities are from 0 to 1.

    Labels come from the label files of --config and --data; no image needs to be there. Images
    of the test part may be missing from the file, and the tables say how many; those of the
    validation part choose the threshold. With --data alone, the config is nih_official.
    """
    from bench.share.bundle import is_bundle

    if is_bundle(path):
        _import_bundle(path, out)
        return
    if name is None:
        raise click.UsageError("say what the predictions are called: --as NAME")
    if config.root is None and not given("config"):
        # The demo's synthetic images have names such as ChestX-ray14's.
        raise click.UsageError("say whose labels judge: --data PATH, with --config or without")
    experiment = config.experiment(**({} if task is None else {"task": task}))

    from bench.imported import import_predictions
    from bench.runs.store import Store

    found = import_predictions(
        path,
        name=name,
        experiment=experiment,
        store=Store(out),
        combine=combine,
        image_column=image_column,
        score_column=score_column,
    )
    for imported in found:
        for line in _lines(imported, name):
            click.echo(line)
    click.echo(f"the table: {report_command(out)}")


def _import_bundle(path: Path, out: Path) -> None:
    refuse_all_but(("path", "out"), f"{path} is a bundle, which says all")

    from bench.runs.store import Store
    from bench.share.receive import receive

    received = receive(path, Store(out))
    for run in received:
        line = f"{run.name}: {run.state}"
        if run.difference is not None:
            line += f", largest difference of a probability {run.difference:.3g}"
        if run.own_table:
            line += "; in a table of its own, since its pixels or image size are others"
        click.echo(line)
    if not all(run.labels_checked for run in received):
        click.echo("labels are as they were sent: no run here has the same images and task")
    click.echo(f"the table: {report_command(out)}")


def _lines(imported: Imported, name: str) -> list[str]:
    match = imported.match
    split = match.labelled.split
    covered = ", ".join(
        f"{match.images[part]:,} of {of:,} {part} images" for part, of in match.of.items() if of
    )
    lines = [
        f"{name} on {imported.source}, task {match.task.name}, "
        f"split {split.name} {split.hash[:12]}: {covered}"
    ]
    lines += imported.notes
    lines += [f"not judged: {count:,} {reason}" for reason, count in match.ignored.items()]
    if match.lacks_threshold:
        lines.append(
            "no validation image is predicted, so that no threshold can be chosen: what rests on "
            "one is n/a"
        )
    if not match.labelled.of_runs:
        lines.append(
            "the split is made of the labels alone, since no run here has this data and split: "
            "import again when there is one, as images that are not here, or identical, may change "
            "it"
        )
    auc = (
        "n/a (the test images are of one class)"
        if math.isnan(imported.auc)
        else f"{imported.auc:.3f}"
    )
    of_several = "" if len(match.task.classes) == 2 else "macro "
    state = "already imported" if imported.already else "imported"
    return [*lines, f"{state}: test {of_several}AUC {auc}, {imported.folder}"]
