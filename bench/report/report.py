"""All that a report is made of, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bench.data.description import DataRecord
from bench.errors import InputError
from bench.evaluate.collect import collect
from bench.evaluate.effects import answer_questions
from bench.evaluate.question_result import Answer
from bench.evaluate.results import Reference, Table
from bench.evaluate.scorer import Scorer
from bench.evaluate.settings import setting_text
from bench.registry import near_matches
from bench.runs.records import FailedTuningRecord
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which runs a report is about; an empty filter lets all through.

    Attributes:
        tasks, splits: names.
        models: names or shell patterns.
        where: settings by dotted key, as text, all of which a network must have.

    The last two hide rows. Controls and the reference stay: a table without them would not say
    whether a network learned anything.
    """

    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    models: Sequence[str] = ()
    where: dict[str, str] = field(default_factory=dict)

    def about(self, data: DataRecord) -> bool:
        """Whether the report is about the task and split that a run's data name."""
        return (not self.tasks or data.task in self.tasks) and (
            not self.splits or data.split.name in self.splits
        )

    def show(self, run: Run) -> bool:
        """Whether a network's or imported run is shown in its table."""
        settings = {key: setting_text(value) for key, value in run.cell.all_settings.items()}
        fits = any(fnmatchcase(run.cell.model, pattern) for pattern in self.models)
        return (fits or not self.models) and self.where.items() <= settings.items()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What all formats show.

    Attributes:
        tables: the comparisons.
        answers: to the questions that were asked.
        unfinished: runs that have not ended.
        failed_tunings: models and losses whose search has no winner, and so no row.
        thumbnails: most images that a page shows of each kind of mistake; 0 for a page that is
            passed on where patients' images must not be.
    """

    tables: tuple[Table, ...]
    answers: tuple[Answer, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    failed_tunings: tuple[FailedTuningRecord, ...] = ()
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
    wanted = filters or Filters()
    stored = store.runs()
    runs = [run for run in stored if wanted.about(run.data)]
    shown = [run for run in runs if run.cell.kind != "control" and wanted.show(run)]
    if stored and not shown and wanted != Filters():
        raise InputError(_nothing_left(stored, wanted))
    finished = [run for run in runs if run.outcome.state == "finished"]
    for done, run in enumerate(finished, start=1):
        scorer.score(run)
        on_scored(done, len(finished))
    # A question is of the runs that it is of, whichever rows are looked at.
    answers = answer_questions(stored, store.experiments(), scorer=scorer)
    return Report(
        tables=tuple(
            collect(
                runs,
                scorer=scorer,
                tunings=store.tunings(),
                reference=reference,
                shown=wanted.show,
            )
        ),
        answers=tuple(one for one in answers if any(map(wanted.about, one.data)) or not one.data),
        unfinished=tuple(store.unfinished()),
        failed_tunings=tuple(store.failed_tunings()),
        thumbnails=thumbnails,
    )


def _nothing_left(stored: Sequence[Run], wanted: Filters) -> str:
    def listed(names: Iterable[str]) -> str:
        return ", ".join(sorted(set(names))) or "none"

    networks = [run for run in stored if run.cell.kind != "control"]
    message = (
        "no run passes the filters: there are tasks "
        f"{listed(run.data.task for run in stored)}; splits "
        f"{listed(run.data.split.name for run in stored)}; models "
        f"{listed(run.cell.model for run in networks)}"
    )
    flat = [run.cell.all_settings for run in networks]
    for key in wanted.where:
        known = sorted({name for settings in flat for name in settings})
        if key not in known:
            message += f"; {key} is no setting of any run ({near_matches(key, known)})"
            continue
        values = listed(setting_text(settings[key]) for settings in flat if key in settings)
        message += f"; values of {key} {values}"
    return message
