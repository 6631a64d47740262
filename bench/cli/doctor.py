"""``bench doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import out_option


@click.command("doctor")
@out_option
@click.option(
    "--repair", is_flag=True,
    help="Mend what can be mended without losing anything; damaged runs are moved to DIR/damaged.",
)  # fmt: skip
@click.pass_context
def doctor(context: click.Context, *, out: Path, repair: bool) -> None:
    """Check every file of the runs in DIR, and say what each fault needs.

    Reads all of them: settings, histories, predictions and weights against their checksums, splits,
    records of experiments and tunings, what killed processes left. Runs that another process is at
    are left alone. Ends with exit code 1 where a fault is left.
    """
    from bench.doctor import examine
    from bench.evaluate.scorer import Scorer
    from bench.runs.store import Store

    store, scorer = Store(out), Scorer.with_cache()
    whole, findings = examine(store, scorer=scorer)
    if repair:
        for finding in findings:
            if finding.mend is not None:
                click.echo(f"{finding.name}: {finding.fault}; {finding.mend()}")
        whole, findings = examine(store, scorer=scorer)
    for finding in findings:
        click.echo(str(finding))
    faults = "no fault" if not findings else f"{len(findings)} fault{'s'[: len(findings) > 1]}"
    click.echo(f"{whole} runs are whole; {faults} in {out}")
    if findings:
        context.exit(1)
