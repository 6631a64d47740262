"""``bench status``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import out_option

if TYPE_CHECKING:
    from bench.tracking.heartbeat import Beat
    from bench.tracking.status import Status

SECONDS_BETWEEN_LOOKS = 5.0


@click.command("status")
@out_option
@click.option("--watch", is_flag=True, help="Look again every few seconds, until nothing runs.")
def status(*, out: Path, watch: bool) -> None:
    """Say which processes work on the runs in DIR, how far they are, and what failed.

    Below is the table so far. It can be read while other processes train, on this machine or on
    others that share the folder.
    """
    from bench.runs.store import Store
    from bench.tracking.status import read_status

    store, known = Store(out), ("", "")
    while True:
        found = read_status(store)
        ended = " ".join(run.name for run in found.ended)
        if ended != known[0]:  # the table changes with them alone
            known = (ended, _table(out))
        if watch:
            click.clear()
        click.echo("\n".join([*_lines(found), *([""] if known[1] else []), known[1]]).rstrip())
        if not watch or not (found.at_work or found.running):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _lines(found: Status) -> list[str]:
    lines = [_line(beat) for beat in found.at_work] or ["no process is at work"]
    lines.append(str(found))
    lines += [f"failed: {run.name}: {run.outcome.reason}" for run in found.failed]
    lines += [str(each) for each in (*found.unusable, *found.unusable_records)]
    return lines


def _line(beat: Beat) -> str:
    """``bench run on HOST (process 17), since …: [3 of 9] resnet18 ce seed 0, 40 of 100, …``."""
    from bench.progress import duration

    parts = [" ".join(filter(None, [beat.matrix and f"[{beat.matrix}]", beat.work])) or "begins"]
    if beat.total:
        parts.append(f"{beat.done:,} of {beat.total:,}")
    if beat.validation_auc is not None:
        parts.append(f"validation AUC {beat.validation_auc:.3f}")
    if beat.all_planned:
        parts.append(f"in all {beat.all_done:,} of {beat.all_planned:,} steps")
    if beat.seconds_left is not None:
        parts.append(f"about {duration(beat.seconds_left)} left")
    if beat.failures:
        parts.append(f"{beat.failures} failed")
    silent = time.time() - beat.at
    if silent > 60:
        parts.append(f"said so {duration(silent)} ago")
    # From Python it is ``bench.run``.
    command = beat.command if "." in beat.command else f"bench {beat.command}"
    return f"{command} on {beat.host} (process {beat.pid}), since {beat.since} UTC: " + ", ".join(
        parts
    )


def _table(out: Path) -> str:
    """The few columns that say who is better, of the runs that finished."""
    from bench.api import load_results
    from bench.errors import InputError
    from bench.evaluate.frames import short

    try:
        rows = load_results(out).rows
    except InputError:  # no run has ended
        return ""
    return (
        ""
        if rows.empty
        else short(rows).to_string(index=False, float_format="{:.3f}".format, na_rep="")
    )
