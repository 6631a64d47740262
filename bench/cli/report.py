"""``bench report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import complete
from bench.cli.options import given, grouped, out_option
from bench.cli.output import print_unusable, read_results
from bench.files import make_folder, write_text

if TYPE_CHECKING:
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Results

# By format, the names of the files that `all` writes.
FILES = {
    "markdown": "report.md",
    "html": "report.html",
    "latex": "report.tex",
    "csv": "report.csv",
    "json": "report.json",
}
ALL, FIGURES = "all", "figures"
DEFAULT_TO = Path("results/report")
DEFAULT_FIGURES = DEFAULT_TO / FIGURES


@dataclass(frozen=True, kw_only=True)
class RowsChoice:
    """``--task``, ``--split``, ``--model`` and ``--where``."""

    tasks: tuple[str, ...]
    splits: tuple[str, ...]
    models: tuple[str, ...]
    where: tuple[str, ...]

    def filters(self) -> Filters:
        """Filters of the results.

        Raises:
            click.BadParameter: it means another key.
        """
        from bench.config import suggest
        from bench.config.load import parse_setting
        from bench.evaluate.load import Filters

        where = {}
        for text in self.where:
            key, value = parse_setting(text, option="--where")
            if meant := suggest(key):
                raise click.BadParameter(
                    f"no key {key!r}: did you mean {meant}?", param_hint="--where"
                )
            where[key] = value
        return Filters(tasks=self.tasks, splits=self.splits, models=self.models, where=where)


rows_options = grouped(
    RowsChoice, "chosen",
    click.option("--task", "tasks", multiple=True, metavar="NAME", help="Only this task. Repeats."),
    click.option(
        "--split", "splits", multiple=True, metavar="NAME", help="Only this split. Repeats."
    ),
    click.option(
        "--model", "models", multiple=True, metavar="NAME|PATTERN", shell_complete=complete.models,
        help="Only these models, the reference and the controls; p stays corrected for all. "
        "Repeats.",
    ),
    click.option(
        "--where", multiple=True, metavar="KEY=VALUE",
        help="Only rows with this setting, such as train.lr=0.02, likewise. Repeats.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ContentChoice:
    """``--thumbnails`` and ``--image-names``."""

    thumbnails: int
    image_names: bool

    def text(self, results: Results, format_name: str) -> str:
        """The report in one of the formats."""
        from bench.report import FORMATS

        options: dict[str, dict[str, Any]] = {
            "html": {"thumbnails": self.thumbnails, "image_names": self.image_names},
            "json": {"image_names": self.image_names},
        }
        return FORMATS[format_name](results, **options.get(format_name, {}))


content_options = grouped(
    ContentChoice, "content",
    click.option(
        "--thumbnails", type=click.IntRange(min=0), default=12, show_default=True, metavar="N",
        help="Most images of each kind of mistake in html; 0 shows no patient's image.",
    ),
    click.option(
        "--image-names", is_flag=True,
        help="Name images in html and json; a name can hold a patient's number.",
    ),
)  # fmt: skip


@click.command("report")
@click.argument("format_name", type=click.Choice([*FILES, ALL, FIGURES]), metavar="FORMAT")
@out_option
@click.option(
    "--to", metavar="PATH", type=click.Path(path_type=Path),
    help=f"File of one format, which is printed otherwise; folder of {ALL} [default: "
    f"{DEFAULT_TO}] and of {FIGURES} [default: {DEFAULT_FIGURES}].",
)  # fmt: skip
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(["png", "pdf", "svg"]),
    default=["png"], show_default=True, help="Format of the figures. Repeats.",
)  # fmt: skip
@rows_options
@click.option(
    "--reference", "wanted", metavar="MODEL[:LOSS]", default="cxnet_m1:sin", show_default=True,
    help="The row that all others are compared with; control:NAME and imported:NAME are others.",
)  # fmt: skip
@click.option(
    "--margin", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True), metavar="DIFFERENCE",
    help="Largest difference of AUC that counts as none [default: that of the config].",
)  # fmt: skip
@content_options
@click.pass_context
def report(
    context: click.Context,
    format_name: str,
    out: Path,
    to: Path | None,
    formats: tuple[str, ...],
    chosen: RowsChoice,
    wanted: str,
    margin: float | None,
    content: ContentChoice,
) -> None:
    """Compare all runs that ended: markdown, html, latex, csv, json, figures, or all of them.

    What was measured has a 95 % interval, and every row stands beside a reference. In markdown
    and html, the answers to the questions that were asked (bench list configs) follow. Of single
    findings the intervals are in csv and json. Ends with exit code 1 where a run is damaged: it is
    named, and the other rows are shown.
    """
    for option, parameter, applies_to in (
        ("--format", "formats", (ALL, FIGURES)),
        ("--thumbnails", "thumbnails", ("html", ALL)),
        ("--image-names", "image_names", ("html", "json", ALL)),
    ):
        if given(parameter) and format_name not in applies_to:
            formats_of_it = " and ".join(applies_to)
            raise click.UsageError(f"{option} applies to {formats_of_it}, not to {format_name}")

    from bench.evaluate.load import check_reference
    from bench.evaluate.results import Reference

    results = read_results(
        out, filters=chosen.filters(), reference=Reference.parse(wanted), margin=margin
    )
    if given("wanted"):
        check_reference(results, wanted)
    if format_name == FIGURES:
        _draw(results, to or DEFAULT_FIGURES, formats)
    elif format_name == ALL:
        folder = to or DEFAULT_TO
        for name, file in FILES.items():
            _write(folder / file, content.text(results, name))
        _draw(results, folder / FIGURES, formats)
    elif to is not None:
        _write(to, content.text(results, format_name))
    else:
        click.echo(content.text(results, format_name), nl=False)
    if print_unusable(results.unusable):
        context.exit(1)


def _write(path: Path, text: str) -> None:
    make_folder(path.parent)
    write_text(path, text)
    click.echo(f"wrote {path}", err=True)


def _draw(results: Results, folder: Path, formats: tuple[str, ...]) -> None:
    from bench.report.figures.files import write_figures

    drawn = write_figures(results, folder, formats=formats)
    for path in drawn:
        click.echo(f"wrote {path}", err=True)
    if not drawn:
        click.echo("no figure: none of these runs has anything to draw", err=True)
