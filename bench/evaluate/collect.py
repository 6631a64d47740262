"""Tables of rows from stored runs. Every figure is computed from stored predictions."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from bench.data.tasks import TASKS
from bench.errors import InputError
from bench.evaluate.comparison import compare_with
from bench.evaluate.delong import from_components
from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.labels import labels
from bench.evaluate.merge import merge, trained_here
from bench.evaluate.published import published_for
from bench.evaluate.results import BestControl, Figure, Reference, Row, RunView, Table
from bench.evaluate.run_scores import RunScores
from bench.evaluate.scorer import Scorer
from bench.evaluate.settings import captions, compare, train_share, training, weights
from bench.runs.records import TuningRecord
from bench.runs.run import Run

NOTHING = BestControl("", -math.inf)


def _every(_: Run) -> bool:
    """Whether a run is shown: always."""
    return True


def collect(
    runs: Iterable[Run],
    *,
    scorer: Scorer | None = None,
    tunings: Iterable[TuningRecord] = (),
    reference: Reference | None = None,
    shown: Callable[[Run], bool] = _every,
) -> list[Table]:
    """Group runs into tables: one for each data set, image size, task and split.

    They are sorted by source, task (as in :data:`bench.data.tasks.TASKS`), split and image size.
    Imported predictions know no pixels: they stand in every table of their split, labels and
    task, whatever its image size.

    Args:
        runs: those that ended.
        scorer: of all runs.
        tunings: how the settings of some were searched for.
        reference: what every row is compared with; CXNet-m1 with the sin-loss by default.
        shown: which runs are shown. The reference and the controls are shown in any case, and a
            row that is not is compared all the same: what is looked at must not change what p is
            corrected for.

    Raises:
        InputError: there are none, a run is there twice, or stored predictions are damaged.
    """
    # By what was asked of which images, and by their pixels.
    groups: defaultdict[tuple[str, ...], defaultdict[str, list[Run]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in runs:
        data, split = run.data, run.data.split
        # Two splits can have the same parts, and yet claim different things of them.
        key = (data.source, data.task, split.hash, split.name)
        groups[key]["" if run.cell.kind == "imported" else data.fingerprint].append(run)
    if not groups:
        raise InputError("no run has ended here yet: run `bench run --all` first, or give --out")
    for by_pixels in groups.values():
        if "" in by_pixels and len(by_pixels) > 1:
            imported = by_pixels.pop("")
            for group in by_pixels.values():
                group += imported
    make = partial(
        _table,
        scorer=scorer or Scorer(),
        tunings=tuple(tunings),
        reference=reference or Reference(),
        shown=shown,
    )
    tables = [make(group) for by_pixels in groups.values() for group in by_pixels.values()]
    return sorted(tables, key=_order)


def _order(table: Table) -> tuple[Any, ...]:
    data = table.data
    return (
        data.source,
        TASKS.index(data.task),
        data.split.name,
        data.image_size or 0,  # imported predictions alone know none
    )


def _table(
    runs: list[Run],
    *,
    scorer: Scorer,
    tunings: Sequence[TuningRecord],
    reference: Reference,
    shown: Callable[[Run], bool],
) -> Table:
    winners = {name: tuning for tuning in tunings for name in tuning.runs}
    earlier = {name for tuning in tunings for name in tuning.superseded} - winners.keys()
    superseded = [run.folder.name for run in runs if run.folder.name in earlier]
    runs = [run for run in runs if run.folder.name not in earlier]
    by_row: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        cell = run.cell
        key = json.dumps([cell.kind, cell.model, cell.loss, cell.dotted], sort_keys=True)
        by_row[key].append(run)
    cells = [group[0].cell for group in by_row.values()]
    tuned = [
        next((winners[run.folder.name] for run in group if run.folder.name in winners), None)
        for group in by_row.values()
    ]
    texts = captions(cells, searched=[tuning.searched if tuning else () for tuning in tuned])
    rows = [
        _row(group, settings=settings, scorer=scorer, tuning=tuning)
        for group, settings, tuning in zip(by_row.values(), texts, tuned, strict=True)
    ]
    best = _best_controls(rows)
    rows = _compared([_mark(row, best) for row in rows], reference, scorer)
    visible = _labelled(
        [
            row
            for row, group in zip(rows, by_row.values(), strict=True)
            if row.kind == "control" or row.is_reference or any(map(shown, group))
        ]
    )
    visible.sort(
        key=lambda row: (-row.auc, bool(row.unavailable), row.model, row.loss, row.settings)
    )
    data = merge(runs)
    return Table(
        data=data,
        outputs=runs[0].outputs,
        settings=compare(cells),
        rows=tuple(visible),
        hidden=len(rows) - len(visible),
        superseded=tuple(superseded),
        best_controls=best,
        environments=tuple(
            environment for run in trained_here(runs) for environment in run.attempts
        ),
        wanted=reference,
        reference=next((row for row in visible if row.is_reference), None),
        resamples=scorer.resampling.resamples if any(row.runs for row in rows) else 0,
        published=published_for(source=data.source, task=data.task),
    )


def _labelled(rows: Sequence[Row]) -> list[Row]:
    finished = [row for row in rows if row.runs]
    names = iter(labels(finished))
    return [replace(row, label=next(names) if row.runs else row.name) for row in rows]


def _compared(rows: Sequence[Row], reference: Reference, scorer: Scorer) -> list[Row]:
    """The rows compared with the reference, which is marked."""
    fitting = [
        row
        for row in rows
        if row.runs
        and row.kind in ("network", "control", "imported")
        and (row.model, row.loss) == (reference.model, reference.loss)
    ]
    if not fitting:
        return list(rows)
    # Not by its figures: a reference must not be chosen by the test part. Of several it is one that
    # was tuned, then of the most seeds, then trained as most networks of the table were.
    trained = [training(row.runs[0].cell) for row in rows if row.kind == "network" and row.runs]
    chosen = min(
        fitting,
        key=lambda row: (
            row.tuning is None,
            -len(row.seeds),
            -trained.count(training(row.runs[0].cell)),
            row.settings,
        ),
    )
    others = {
        str(position): _runs(row)
        for position, row in enumerate(rows)
        if row.runs and row is not chosen
    }
    found = compare_with(_runs(chosen), others, scorer=scorer)
    return [
        replace(row, is_reference=True)
        if row is chosen
        else replace(
            row,
            comparison=found.get(str(position)),
            trained_otherwise=_trained_otherwise(row, chosen),
        )
        for position, row in enumerate(rows)
    ]


def _runs(row: Row) -> list[Run]:
    return [view.run for view in row.runs]


def _trained_otherwise(row: Row, reference: Row) -> bool:
    """Whether a network's settings, its own options aside, are others than the reference's.

    What was searched for is no difference between two rows that were both tuned.
    """
    if not (row.kind == reference.kind == "network" and row.runs):
        return False
    searched: set[str] = set()
    if row.tuning is not None and reference.tuning is not None:
        searched = {*row.tuning.searched, *reference.tuning.searched}
    own, other = (training(each.runs[0].cell) for each in (row, reference))
    return any(own.get(key) != other.get(key) for key in (own.keys() | other.keys()) - searched)


def _row(runs: list[Run], *, settings: str, scorer: Scorer, tuning: TuningRecord | None) -> Row:
    runs = sorted(runs, key=lambda run: run.cell.seed)
    for earlier, later in pairwise(runs):
        if earlier.cell.seed == later.cell.seed:
            raise InputError(
                f"runs {earlier.folder.name} and {later.folder.name} are the same run "
                f"({later.cell.label}): delete one of the two folders"
            )
    cell = runs[0].cell
    finished = [run for run in runs if run.outcome.state == "finished"]
    costs = [run.outcome.costs for run in finished if run.outcome.costs is not None]
    devices = tuple(dict.fromkeys(e.device for run in finished for e in run.attempts))
    scores = [scorer.score(run) for run in finished]
    timed = costs if len(devices) == 1 else []
    return Row(
        kind=cell.system or cell.kind,
        model=cell.model,
        loss=cell.loss,
        weights=weights(cell),
        settings=settings,
        train_share=train_share(cell),
        seeds=tuple(run.cell.seed for run in finished),
        runs=tuple(
            RunView(run=run, scores=run_scores)
            for run, run_scores in zip(finished, scores, strict=True)
        ),
        figures=_figures(finished, scores, [each.figures for each in scores], scorer),
        findings=_findings(finished, scores, scorer),
        # The seeds were judged on the same images, so that they agree on this.
        macro_over=scores[0].macro_over if scores else {},
        parameters=costs[0].parameters if costs else None,
        multiply_adds=costs[0].multiply_adds if costs else None,
        train_seconds=_mean(c.train_seconds for c in timed),
        images_per_second=_mean(c.images_per_second for c in timed),
        inference_images_per_second=_mean(c.inference_images_per_second for c in timed),
        devices=devices,
        failures=tuple(
            (run.cell.seed, run.outcome.reason) for run in runs if run.outcome.state == "failed"
        ),
        unavailable=next(
            (run.outcome.reason for run in runs if run.outcome.state == "unavailable"), ""
        ),
        tuning=tuning,
        answered=_answered(finished),
        support=_support(finished),
        delong=_delong(scores),
    )


def _answered(runs: Sequence[Run]) -> tuple[int, int] | None:
    if not runs:
        return None
    answers, whole = runs[0].predicted_images["test"], runs[0].data.parts["test"].images
    return None if answers == whole else (answers, whole)


def _support(runs: Sequence[Run]) -> dict[str, int]:
    """Number of images that have each output, of those that the runs answer."""
    if not runs:
        return {}
    first = runs[0]
    if _answered(runs) is None:
        return dict(first.data.parts["test"].classes)
    targets, names = first.predictions()["test"].targets, first.outputs.classes
    of_each = targets if targets.ndim == 2 else np.eye(len(names))[targets]
    return dict(zip(names, of_each.sum(axis=0).astype(int).tolist(), strict=True))


def _delong(scores: Sequence[RunScores]) -> Interval | None:
    components = [one.components for one in scores]
    if len(components) != 1 or components[0] is None:
        return None
    return from_components([components[0]]).interval(0)


def _mean(values: Iterable[float | None]) -> float | None:
    """None where there are none, or where one is not known."""
    known = list(values)
    if not known or None in known:
        return None
    return float(np.mean(np.asarray(known, dtype=np.float64)))


def _figures(
    runs: Sequence[Run],
    scores: Sequence[RunScores],
    estimates: Sequence[Mapping[str, Estimate]],
    scorer: Scorer,
) -> dict[str, Figure]:
    """Each measure as a mean over the seeds, with its interval."""
    figures = {}
    for name in estimates[0] if estimates else ():
        by_seed = {run.cell.seed: one[name] for run, one in zip(runs, estimates, strict=True)}
        figures[name] = Figure.over(
            [one.value for one in by_seed.values()],
            interval=Interval.of(scorer.resampling.over_seeds(by_seed)),
            images=scores[0].count,
        )
    return figures


def _findings(
    runs: Sequence[Run], scores: Sequence[RunScores], scorer: Scorer
) -> dict[str, dict[str, Figure]]:
    return {
        finding: _figures(runs, scores, [each.findings[finding] for each in scores], scorer)
        for finding in (scores[0].findings if scores else ())
    }


def _best_controls(rows: Iterable[Row]) -> dict[float, BestControl]:
    """The best control for each share of the training part, since a control learns from it too."""
    best: dict[float, BestControl] = {}
    for row in rows:
        if row.kind == "control" and row.auc > best.get(row.train_share, NOTHING).value:
            best[row.train_share] = BestControl(row.model, row.auc)
    return best


def _mark(row: Row, best_controls: dict[float, BestControl]) -> Row:
    if (
        row.kind == "control"
        or row.answered
        or row.train_share not in best_controls
        or not row.figures
    ):
        return row
    best = best_controls[row.train_share].value
    return replace(row, below_controls=not row.auc > best)
