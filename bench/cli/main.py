"""The command ``bench``, and what becomes of errors: a line on standard error and an exit code."""

from __future__ import annotations

import os
import sys

import click

import bench
from bench.cli.data import data
from bench.cli.list import list_command
from bench.cli.report import report
from bench.cli.run import run_command
from bench.cli.weights import weights
from bench.errors import InputError

FAILED_CELLS = 1
BAD_INPUT = 2
INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(bench.__version__, prog_name="bench")
def main() -> None:
    """Honest comparison of small, purpose-built networks with fine-tuned ones on chest X-rays.

    \b
    bench run --all            train everything of the demo (synthetic data, some minutes)
    bench report markdown      print the table
    bench list models          what can be compared
    """


for command in (run_command, report, list_command, data, weights):
    main.add_command(command)


def run() -> None:
    """Entry point: exit code 0, 1 for failed cells or bad data, 2 for bad input."""
    try:
        main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_INPUT)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has gone. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
