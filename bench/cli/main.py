"""The command ``bench``; an error is a line on standard error and an exit code."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

import bench
from bench import signals
from bench.cli.audit import audit_command
from bench.cli.cascade import cascade
from bench.cli.checklist import checklist_command
from bench.cli.config import config
from bench.cli.data import data
from bench.cli.doctor import doctor
from bench.cli.evaluate import evaluate_command
from bench.cli.explain import explain
from bench.cli.export import export_command
from bench.cli.import_predictions import import_command
from bench.cli.list import list_command
from bench.cli.predict import predict_command
from bench.cli.report import report
from bench.cli.reproduce import reproduce_command
from bench.cli.run import run_command
from bench.cli.runs import runs
from bench.cli.share import share_command
from bench.cli.speed import speed
from bench.cli.status import status
from bench.cli.tune import tune, tunings
from bench.cli.weights import weights
from bench.errors import InputError
from bench.files import DiskFullError, is_disk_full
from bench.text import printable, shortened

FAILED = 1
BAD_INPUT = 2
# The commands that take up what they did before; the others begin anew.
GO_ON = ("run", "tune", "cascade", "data")
MOST_SIGNS = 2_000
"""Length of an error line; a name in it can have hundreds of thousands of signs."""
# In the address of a database, which would be in the logs of a cluster.
PASSWORD = re.compile(r"(?<=://)[^\s@]*(?=@)|(?<=password=)[^\s&]*")
# A group named alone shows its help; older versions of click do so without an error.
NO_COMMAND = getattr(click.exceptions, "NoArgsIsHelpError", ())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(bench.__version__, prog_name="bench")
def main() -> None:
    """Honest comparison of small, purpose-built networks with fine-tuned ones on chest X-rays.

    \b
    bench run --all            train everything of the demo (synthetic data, minutes)
    bench tune --all           search settings within one budget, and run what won
    bench status --watch       what runs, how far it is, and the table so far
    bench runs list            every run and its state (show, remove)
    bench report markdown      print the table (html, latex, csv, json; all writes every one)
    bench predict RUN IMAGES   what a run's network says of new images (PNG, JPEG, DICOM)
    bench explain RUN IMAGES   draw where in images its evidence lies (--to DIR)
    bench evaluate RUN         judge a network on other data (external validation)
    bench import p.csv --as x  put anyone's predictions beside them
    bench share RUN --to x.zip for another lab, whose bench import takes x.zip
    bench cascade cxnet_m1     train the four stages and the flat rival, and compare them
    bench reproduce RUN        run it again from its folder, and compare
    bench export RUN --out DIR a network with its model card, for use without this package
    bench audit RUN            subgroups, net benefit, near-duplicates across parts
    bench checklist            CLAIM 2024 and TRIPOD+AI, answered from what is stored
    bench list models          what can be compared
    bench config show demo     every key, its default and its meaning
    bench doctor               check that all results are whole (--repair mends what can be)
    bench speed cxnet_m1       how fast it trains and answers here
    """


for command in (
    run_command,
    tune,
    tunings,
    status,
    runs,
    predict_command,
    explain,
    evaluate_command,
    import_command,
    share_command,
    cascade,
    report,
    reproduce_command,
    export_command,
    audit_command,
    checklist_command,
    list_command,
    config,
    data,
    weights,
    speed,
    doctor,
):
    main.add_command(command)


def run() -> NoReturn:
    """Run the command; exit code 0, 1 for failed cells, bad data, a full disk, 2 for bad input.

    Where a signal stops it, the code is 128 and the signal's number, as a shell has it.
    """
    with signals.handled():
        try:
            _run()
        except signals.Stopped as stopped:
            _stop(stopped)


def _run() -> NoReturn:
    try:
        code = _call()
    except NO_COMMAND as error:
        error.show()
        sys.exit(BAD_INPUT)
    except click.UsageError as error:
        # Of several lines only where it lists the choices of an argument.
        message = _key_meant(error) or " ".join(error.format_message().split())
        _refuse(f"{message} (see {error.ctx.command_path} --help)" if error.ctx else message)
    except click.ClickException as error:
        _refuse(error.format_message())
    except InputError as error:
        _refuse(str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        where = "" if error.filename is None else f"{str(error.filename)!r}: "
        if isinstance(error, DiskFullError):
            _end_with_error(error.strerror, code=FAILED)
        if is_disk_full(error):
            _end_with_error(f"disk full: {where}{error.strerror}", code=FAILED)
        _refuse(f"{where}{error.strerror}")
    sys.exit(code)


def _call() -> int:
    """Call the command; whatever comes of a signal to stop is told as that."""
    try:
        # Without its standalone mode click returns the code of `context.exit`.
        code: int = main(prog_name="bench", standalone_mode=False)
    except click.Abort as abort:  # made of Ctrl-C by click, and of a file that ends too early
        if isinstance(abort.__cause__, EOFError):
            raise abort.__cause__ from None
        signals.check()
        raise signals.Stopped(signal.SIGINT) from None
    except OSError as error:
        if not isinstance(error, DiskFullError):
            signals.check()  # a terminal that was closed takes no more lines
        raise
    return code


def _stop(stopped: signals.Stopped) -> NoReturn:
    """Say which signal stopped the command, and the command that goes on."""
    program, *arguments = sys.argv
    line = f"stopped by {stopped}"
    if arguments[:1] and arguments[0] in GO_ON:
        start = "python -m bench" if Path(program).name == "__main__.py" else "bench"
        line += f"; go on with: {start} {PASSWORD.sub('***', shlex.join(arguments))}"
    with suppress(OSError):
        click.echo(line, err=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # a closed terminal: what is left goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(stopped.exit_code)


def _key_meant(error: click.UsageError) -> str | None:
    """Message for an unknown option such as ``--lr`` that may mean a key of the config."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return None
    from bench.config.keys import suggest, unit_note

    takes_settings = any(parameter.name == "settings" for parameter in error.ctx.command.params)
    key = suggest(error.option_name.lstrip("-")) if takes_settings else None
    if key is None:
        return None
    note = unit_note(error.option_name)
    return f"No such option '{error.option_name}': write --set {key}=VALUE{note}"


def _refuse(message: str) -> NoReturn:
    _end_with_error(message, code=BAD_INPUT)


def _end_with_error(message: str, *, code: int) -> NoReturn:
    click.echo(f"error: {shortened(printable(message), MOST_SIGNS)}", err=True)
    sys.exit(code)
