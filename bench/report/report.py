"""All that a report is made of, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bench.config.dotted import flatten
from bench.errors import InputError
from bench.questions import Answer, answer_questions
from bench.report.collect import Reference, Table, collect
from bench.report.words import setting
from bench.runs import Run, Unfinished
from bench.scores import Scorer
from bench.store import Store


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which runs a report is about; an empty filter lets all through.

    Attributes:
        tasks, splits: names.
        models: names or shell patterns. Controls are let through: a table without them would
            hide whether a network learned anything.
        where: settings by dotted key, as text, all of which a network must have.
    """

    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    models: Sequence[str] = ()
    where: dict[str, str] = field(default_factory=dict)

    def keep(self, run: Run) -> bool:
        """Whether the report is about a run."""
        cell = run.cell
        if self.tasks and run.data["task"] not in self.tasks:
            return False
        if self.splits and run.data["split"]["name"] not in self.splits:
            return False
        if cell.kind == "control":
            return True
        settings = {key: setting(value) for key, value in flatten(cell.settings).items()}
        fits = any(fnmatchcase(cell.model, pattern) for pattern in self.models)
        return (fits or not self.models) and self.where.items() <= settings.items()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What all formats show.

    Attributes:
        tables: the comparisons.
        answers: to the questions that were asked.
        unfinished: runs that have not ended.
        thumbnails: most images that a page shows of each kind of mistake; 0 for a page that is
            passed on where patients' images must not be.
    """

    tables: tuple[Table, ...]
    answers: tuple[Answer, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    thumbnails: int = 12


def _ignore(_done: int, _total: int) -> None:
    """Listens to nothing."""


def make_report(
    store: Store,
    *,
    scorer: Scorer,
    filters: Filters | None = None,
    reference: Reference | None = None,
    thumbnails: int = 12,
    on_scored: Callable[[int, int], None] = _ignore,
) -> Report:
    """Read all runs that ended and work out what a report says of them.

    Args:
        store: their folder.
        scorer: of all runs.
        filters: which runs it is about.
        reference: what every row is held against.
        thumbnails: as :attr:`Report.thumbnails`.
        on_scored: called with runs scored and runs in all, for the eye.

    Raises:
        InputError: there are no runs, none passes the filters, or one is damaged.
    """
    stored = store.runs()
    runs = [run for run in stored if (filters or Filters()).keep(run)]
    if stored and not any(run.cell.kind != "control" for run in runs) and filters != Filters():
        raise InputError(_nothing_left(stored))
    finished = [run for run in runs if run.verdict.state == "finished"]
    for done, run in enumerate(finished, start=1):
        scorer.score(run)
        on_scored(done, len(finished))
    return Report(
        tables=tuple(collect(runs, scorer=scorer, tunings=store.tunings(), reference=reference)),
        answers=tuple(answer_questions(runs, store.experiments(), scorer=scorer)),
        unfinished=tuple(store.unfinished()),
        thumbnails=thumbnails,
    )


def _nothing_left(stored: Sequence[Run]) -> str:
    def listed(names: set[str]) -> str:
        return ", ".join(sorted(names))

    return (
        "no run passes the filters: there are tasks "
        f"{listed({run.data['task'] for run in stored})}; splits "
        f"{listed({run.data['split']['name'] for run in stored})}; models "
        f"{listed({run.cell.model for run in stored if run.cell.kind != 'control'})}"
    )
