"""Results from a folder of stored runs, all or some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.data.description import DataRecord
from bench.errors import InputError
from bench.evaluate.collect import collect
from bench.evaluate.effects import answer_questions
from bench.evaluate.external import external_tables
from bench.evaluate.heatmaps import heat_maps, stale_maps
from bench.evaluate.results import Reference, Results, Table
from bench.evaluate.scorer import Scorer
from bench.evaluate.settings import setting_text
from bench.registry import near_matches
from bench.runs.predictions import PREDICTIONS
from bench.runs.records import MapsRecord, Unusable
from bench.runs.run import Run
from bench.runs.store import EXTERNAL_FOLDER, Store

MOST_NAMED = 3
"""Runs that an error names; of more it says the number."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions on the runs of results; an empty filter lets all through.

    Attributes:
        tasks, splits: names.
        models: names or shell patterns.
        where: settings by dotted key, all of which a network must have.

    The last two hide rows. Controls and the reference stay: a table without them would not say
    whether a network learned anything.
    """

    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    models: Sequence[str] = ()
    where: Mapping[str, Any] = field(default_factory=dict)

    def about(self, data: DataRecord) -> bool:
        """Whether the results are about the task and split that a run's data name."""
        return (not self.tasks or data.task in self.tasks) and (
            not self.splits or data.split.name in self.splits
        )

    def show(self, run: Run) -> bool:
        """Whether a network's or imported run is shown in its table."""
        settings = run.cell.dotted
        fits = any(fnmatchcase(run.cell.model, pattern) for pattern in self.models)
        return (fits or not self.models) and all(
            key in settings and _equal(settings[key], value) for key, value in self.where.items()
        )


def _equal(setting: Any, wanted: Any) -> bool:
    """Whether two values are the same setting: 1 is 1.0, but not true."""
    return isinstance(setting, bool) == isinstance(wanted, bool) and bool(setting == wanted)


def load_results(
    out: Path | str | Store,
    *,
    scorer: Scorer | None = None,
    filters: Filters | None = None,
    reference: Reference | None = None,
    margin: float | None = None,
    on_scored: Callable[[int, int], None] | None = None,
) -> Results:
    """Every number of the runs of a folder that ended and are whole.

    Args:
        out: the folder of the runs (``--out``), or its store.
        reference: what every row is compared with; CXNet-m1 with the sin-loss by default.
        margin: largest difference of AUC that counts as none; by default the smallest of those
            that the experiments of a table state.

    Raises:
        InputError: there are no runs, or none passes the filters.
    """
    store = out if isinstance(out, Store) else Store(Path(out))
    scorer, filters = scorer or Scorer(), filters or Filters()
    survey = store.survey()
    stored = survey.runs
    unusable = (*survey.unusable, *store.unusable_records())
    experiments = store.experiments()
    runs = _chosen(stored, filters)
    tables: list[Table] = []
    if runs or not unusable:  # where nothing but damage is left, that is the report
        tables = collect(
            runs,
            scorer=scorer,
            tunings=store.tunings(),
            experiments=experiments,
            margin=margin,
            reference=reference,
            shown=filters.show,
            on_scored=on_scored and _counting(on_scored, runs),
        )
    external, stale, faults = _external(store, stored, filters)
    # A question is of the runs that it is of, whichever rows are looked at.
    answers = answer_questions(stored, experiments, scorer=scorer)
    maps = store.maps()
    return Results(
        tables=tuple(_with_maps(table, maps) for table in tables),
        questions=tuple(
            answer for answer in answers if any(map(filters.about, answer.data)) or not answer.data
        ),
        external=tuple(external_tables(external, scorer=scorer)),
        stale=stale,
        stale_maps=stale_maps(maps, stored),
        unfinished=survey.unfinished,
        failed_tunings=tuple(store.failed_tunings()),
        unusable=(*unusable, *faults),
    )


def _chosen(stored: Sequence[Run], filters: Filters) -> list[Run]:
    """The runs that results are about."""
    runs = [run for run in stored if filters.about(run.data)]
    shown = (run for run in runs if run.cell.kind != "control" and filters.show(run))
    if stored and filters != Filters() and not any(True for _ in shown):
        raise InputError(_nothing_left(stored, filters))
    return runs


def _counting(on_scored: Callable[[int, int], None], runs: Sequence[Run]) -> Callable[[Run], None]:
    """Counts runs as they are scored; imported predictions can be in several tables."""
    finished = sum(run.outcome.state == "finished" for run in runs)
    scored = set()

    def count(run: Run) -> None:
        scored.add(run.folder)
        on_scored(len(scored), finished)

    return count


def _with_maps(table: Table, records: Sequence[MapsRecord]) -> Table:
    """A table whose rows have what was measured of their heat maps."""
    if not records:
        return table
    rows = tuple(replace(row, heat_maps=heat_maps(row, records)) for row in table.rows)
    return replace(
        table, rows=rows, reference=next((row for row in rows if row.is_reference), None)
    )


def _external(
    store: Store, stored: Sequence[Run], filters: Filters
) -> tuple[list[Run], tuple[str, ...], list[Unusable]]:
    """The runs on other data that pass the filters, names of stale ones, and damaged ones.

    Stale is what the network of another training predicted, from before its run was made anew or
    taken away.
    """
    if not store.external.root.is_dir():
        return [], (), []
    survey = store.external.survey()
    by_name = {run.name: run for run in stored}
    fresh, stale = [], []
    for run in survey.runs:
        assert run.external is not None, "reading checks it"
        home = by_name.get(run.external.run)
        same = home is not None and home.checksums.get(PREDICTIONS) == run.external.predictions
        if not same:
            stale.append(run.external.run)
        elif filters.about(run.external.home) and filters.show(run):
            fresh.append(run)
    faults = [replace(each, name=f"{EXTERNAL_FOLDER}/{each.name}") for each in survey.unusable]
    return fresh, tuple(sorted({*stale})), faults


def _nothing_left(stored: Sequence[Run], filters: Filters) -> str:
    """The message of an error that names what there is to filter by."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(sorted(set(names))) or "none"

    networks = [run for run in stored if run.cell.kind != "control"]
    message = (
        "no run passes the filters: there are tasks "
        f"{listed(run.data.task for run in stored)}; splits "
        f"{listed(run.data.split.name for run in stored)}; models "
        f"{listed(run.cell.model for run in networks)}"
    )
    settings = [run.cell.dotted for run in networks]
    for key in filters.where:
        if values := [setting_text(each[key]) for each in settings if key in each]:
            message += f"; values of {key} {listed(values)}"
        else:
            known = sorted({name for each in settings for name in each})
            message += f"; {key} is no setting of any run ({near_matches(key, known)})"
    return message


def check_reference(results: Results, wanted: str) -> None:
    """Refuse results in which no table has the reference that was asked for.

    Args:
        wanted: as the user wrote it, such as ``resnet18:ce``.

    Raises:
        InputError: no row of that name has finished; runs that cannot be used are named first,
            since it may be one of them.
    """
    if any(table.reference and not table.stands_in for table in results.tables):
        return
    rows = [row for table in results.tables for row in table.rows if row.runs]
    names = ", ".join(sorted({f"{row.model}:{row.loss}".rstrip(":") for row in rows})) or "none"
    unusable = [each.name for each in results.unusable]
    more = f" and {len(unusable) - MOST_NAMED} more" if len(unusable) > MOST_NAMED else ""
    fault = (
        f"{', '.join(unusable[:MOST_NAMED])}{more} cannot be used (`bench doctor` says why), and "
        if unusable
        else ""
    )
    raise InputError(
        f"{fault}reference {wanted!r}: no row of that name has finished; there are {names}"
    )
