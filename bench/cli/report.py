"""``bench report``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import out_option


@click.command("report")
@click.argument("format_name", type=click.Choice(["markdown", "csv", "latex"]), metavar="FORMAT")
@out_option
@click.option(
    "--figures", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Draw the answer to each question into DIR.",
)  # fmt: skip
def report(format_name: str, out: Path, folder: Path | None) -> None:
    """Print the comparison tables of all runs that ended, as markdown, csv or latex.

    In markdown, the answers to the questions that were asked (bench list configs) follow.
    """
    from bench.questions import answer_questions
    from bench.report import FORMATS, collect
    from bench.report.effects import draw_questions
    from bench.report.questions import markdown_questions
    from bench.store import Store

    store = Store(out)
    runs = store.runs()
    text = FORMATS[format_name](collect(runs), unfinished=store.unfinished())
    wanted = format_name == "markdown" or folder is not None
    answers = answer_questions(runs, store.experiments()) if wanted else []
    # Before anything is printed: a folder that cannot be written to is an error alone.
    drawn = draw_questions(answers, folder) if folder else []
    click.echo(text, nl=False)
    if format_name == "markdown" and answers:
        click.echo("\n" + markdown_questions(answers), nl=False)
    for path in drawn:
        click.echo(f"wrote {path}", err=True)
    if folder and not drawn:
        click.echo("no figure: none of these runs answers a question", err=True)
