"""``bench audit``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import complete
from bench.cli.options import data_option, out_option, plugin_option


@click.command("audit")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete.runs)
@out_option
@data_option
@plugin_option
@click.option(
    "--figure", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw the decision curve of one run: FILE ends in .png, .pdf or .svg.",
)  # fmt: skip
@click.option("--image-names", is_flag=True, help="Name the near-duplicates, which may be ids.")
def audit_command(
    *,
    runs: tuple[str, ...],
    out: Path,
    root: Path | None,
    plugins: tuple[Path, ...],
    figure: Path | None,
    image_names: bool,
) -> None:
    """Look at runs by subgroup, at their net benefit, and for near-duplicates across parts.

    RUN is a run's folder, its name in --out, or a pattern. Prints Markdown.
    Sex, age, view and pixels are read from the run's data, where its experiment found them or from
    --data.
    """
    from bench.audit.audit import audit
    from bench.audit.markdown import audit_markdown, draw_decision_curve
    from bench.files import write_bytes
    from bench.progress import show_progress
    from bench.registry.plugins import load_plugins
    from bench.runs.find import find_runs

    if figure is not None and figure.suffix not in (".png", ".pdf", ".svg"):
        raise click.UsageError("--figure FILE ends in .png, .pdf or .svg")
    load_plugins(plugins)
    found = find_runs(runs, out=out)
    if figure is not None and len(found) > 1:
        raise click.UsageError(f"--figure is of one run, and {len(found)} are named")
    with show_progress(stream=sys.stderr) as progress:
        audits = [audit(run, root=root, progress=progress) for run in found]
    if figure is not None:
        if (curve := audits[0].decision) is None:
            raise click.UsageError("the decision curve is of tasks of two classes")
        write_bytes(figure, draw_decision_curve(curve, format=figure.suffix[1:]))
    click.echo(audit_markdown(audits, image_names=image_names), nl=False)
