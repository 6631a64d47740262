"""Tables of rows from stored runs. Every figure is computed from stored predictions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bench.config.schema import MARGIN
from bench.data.tasks import TASKS
from bench.environment import processors
from bench.errors import InputError
from bench.evaluate.comparison import compare_with, over_control, spreads_of
from bench.evaluate.ensemble import ensembles
from bench.evaluate.figures import TASK, RowFigures, with_intervals
from bench.evaluate.labels import labels
from bench.evaluate.merge import merge, trained_here
from bench.evaluate.published import published_for
from bench.evaluate.reference import choose_reference
from bench.evaluate.results import BestControl, Reference, Row, ScoredRun, Table
from bench.evaluate.scorer import Scorer
from bench.evaluate.settings import captions, compare, train_share, training, weights
from bench.runs.records import ExperimentRecord, TuningRecord
from bench.runs.run import Run


def collect(
    runs: Iterable[Run],
    *,
    scorer: Scorer | None = None,
    tunings: Iterable[TuningRecord] = (),
    experiments: Iterable[ExperimentRecord] = (),
    margin: float | None = None,
    reference: Reference | None = None,
    shown: Callable[[Run], bool] = lambda _: True,
    on_scored: Callable[[Run], None] | None = None,
) -> list[Table]:
    """Group runs into tables: one for each data set, image size, task and split.

    They are sorted by source, task (as in :data:`bench.data.tasks.TASKS`), split and image size.
    Imported predictions know no pixels: they stand in every table of their split, labels and
    task, whatever its image size.

    Args:
        margin: largest difference that counts as none; by default the smallest of those that the
            table's experiments state.
        reference: what every row is compared with; CXNet-m1 with the sin-loss by default. Where it
            has not finished, another row stands in (:mod:`bench.evaluate.reference`).
        shown: which runs are shown. The reference and the controls are shown in any case, and a
            row that is not is compared all the same: what is looked at must not change what p is
            corrected for.

    Raises:
        InputError: there are none, a run is there twice, or stored predictions are damaged.
    """
    collector = _Collector(
        scorer=scorer or Scorer(),
        tunings=tuple(tunings),
        experiments=tuple(experiments),
        margin=margin,
        reference=reference or Reference(),
        shown=shown,
        on_scored=on_scored,
    )
    tables = [collector.table(group) for group in _groups(runs)]
    return sorted(
        tables,
        key=lambda table: (
            table.data.source,
            TASKS.index(table.data.task),
            table.data.split.name,
            table.data.image_size or 0,  # imported predictions alone know none
        ),
    )


def _groups(runs: Iterable[Run]) -> list[list[Run]]:
    """The runs of each table."""
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
    return [group for by_pixels in groups.values() for group in by_pixels.values()]


@dataclass(frozen=True, kw_only=True)
class _Collector:
    """Makes tables; the attributes are the arguments of :func:`collect`.

    A row is filled in steps: what its cells say, the figures of its finished runs, its difference
    to the best control, its comparison with the reference, and its label among those shown.
    """

    scorer: Scorer
    tunings: Sequence[TuningRecord]
    experiments: Sequence[ExperimentRecord]
    margin: float | None
    reference: Reference
    shown: Callable[[Run], bool]
    on_scored: Callable[[Run], None] | None

    def table(self, runs: list[Run]) -> Table:
        winners = {name: tuning for tuning in self.tunings for name in tuning.runs}
        earlier = {name for tuning in self.tunings for name in tuning.superseded} - winners.keys()
        superseded = tuple(run.name for run in runs if run.name in earlier)
        runs = [run for run in runs if run.name not in earlier]
        groups = _by_row(runs)
        cells = [group[0].cell for group in groups]
        tuned = [
            next((winners[run.name] for run in group if run.name in winners), None)
            for group in groups
        ]
        settings = captions(
            cells, searched=[tuning.searched_keys if tuning else () for tuning in tuned]
        )
        rows = self.measured(
            [
                self.row(group, settings=", ".join(parts), tuning=tuning)
                for group, parts, tuning in zip(groups, settings, tuned, strict=True)
            ],
            groups,
        )
        best = self.best_controls(rows)
        margin = self.margin_of(runs)
        rows = [self.beside_control(row, best.get(row.train_share)) for row in rows]
        rows = self.compared(rows, margin, control=best[max(best)] if best else None)
        shown = [
            k
            for k, (row, group) in enumerate(zip(rows, groups, strict=True))
            if row.kind == "control" or row.is_reference or any(map(self.shown, group))
        ]
        names = labels([rows[k] for k in shown], [settings[k] for k in shown])
        visible = [replace(rows[k], label=name) for k, name in zip(shown, names, strict=True)]
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
            superseded=superseded,
            best_controls={
                share: BestControl(control.model, control.auc) for share, control in best.items()
            },
            environments=tuple(
                environment for run in trained_here(runs) for environment in run.attempts
            ),
            wanted=self.reference,
            reference=next((row for row in visible if row.is_reference), None),
            ensembles=ensembles(visible, scorer=self.scorer),
            margin=margin,
            resamples=self.scorer.resampling.count if any(row.runs for row in rows) else 0,
            published=published_for(source=data.source, task=data.task),
        )

    def row(self, runs: list[Run], *, settings: str, tuning: TuningRecord | None) -> Row:
        """One row, without figures."""
        for earlier, later in pairwise(runs):
            if earlier.cell.seed == later.cell.seed:
                raise InputError(
                    f"runs {earlier.name} and {later.name} are the same run "
                    f"({later.cell.label}): move one of the two folders elsewhere"
                )
        cell = runs[0].cell
        finished = [run for run in runs if run.outcome.state == "finished"]
        costs = [run.outcome.costs for run in finished if run.outcome.costs is not None]
        devices = tuple(dict.fromkeys(e.device for run in finished for e in run.attempts))
        timed = costs if len(devices) == 1 else []
        return Row(
            kind=cell.system or cell.kind,
            model=cell.model,
            loss=cell.loss,
            weights=weights(cell),
            settings=settings,
            train_share=train_share(cell),
            seeds=tuple(run.cell.seed for run in finished),
            parameters=costs[0].parameters if costs else None,
            multiply_adds=costs[0].multiply_adds if costs else None,
            train_seconds=_mean(c.train_seconds for c in timed),
            images_per_second=_mean(c.images_per_second for c in timed),
            inference_images_per_second=_mean(c.inference_images_per_second for c in timed),
            devices=devices,
            failures=tuple(
                (run.cell.seed, run.outcome.reason) for run in runs if run.outcome.state == "failed"
            ),
            logit_faults=tuple(
                (run.cell.seed, run.outcome.logit_fault)
                for run in finished
                if run.outcome.logit_fault is not None
            ),
            unavailable=next(
                (run.outcome.reason for run in runs if run.outcome.state == "unavailable"), ""
            ),
            tuning=tuning,
        )

    def measured(self, rows: Sequence[Row], groups: Sequence[Sequence[Run]]) -> list[Row]:
        """The rows with the figures of their finished runs.

        Rows are scored side by side, since numpy, pandas and files leave the interpreter's lock;
        each as it would be alone.
        """
        scored = []
        with ThreadPoolExecutor(processors()) as pool:
            for found in pool.map(self.scored, rows, groups):
                scored.append(found)
                if self.on_scored:
                    for run in found[0].runs:
                        self.on_scored(run)
        figures = with_intervals([each for _, each in scored])
        spreads = iter(spreads_of([row.runs for row, _ in scored if row.runs], scorer=self.scorer))
        return [
            replace(
                row,
                figures={**each.figures[TASK]},
                findings={name: {**of} for name, of in each.figures.items() if name != TASK},
                spread=next(spreads),
            )
            if row.runs
            else row
            for (row, _), each in zip(scored, figures, strict=True)
        ]

    def scored(self, row: Row, runs: Sequence[Run]) -> tuple[Row, RowFigures]:
        """The row with its finished runs, and their figures."""
        finished = [run for run in runs if run.outcome.state == "finished"]
        if not finished:
            return row, RowFigures(figures={}, aucs={})
        scores = [self.scorer.score(run) for run in finished]
        row = replace(
            row,
            runs=tuple(
                ScoredRun(
                    **vars(run),
                    values={name: figure.value for name, figure in each.figures.items()},
                    curves=each.curves,
                    confusion=each.confusion,
                )
                for run, each in zip(finished, scores, strict=True)
            ),
            # The seeds were judged on the same images, so that they agree on what has figures.
            macro_over=scores[0].macro_over,
            answered=_answered(finished[0]),
            support=_support(finished[0]),
            patients=scores[0].patients,
        )
        return row, RowFigures.of(scores, self.scorer.resampling)

    def best_controls(self, rows: Sequence[Row]) -> dict[float, Row]:
        """The control that is best on the validation part, for each share of the training part.

        A control learns from that share too. On the test part the best of several would be lucky.
        """
        controls = [row for row in rows if row.kind == "control" and row.runs]
        controls.sort(key=lambda row: -self.scorer.leading(row.runs[0]).validation)
        best: dict[float, Row] = {}
        for control in controls:
            best.setdefault(control.train_share, control)
        return best

    def margin_of(self, runs: Sequence[Run]) -> float:
        """The largest difference that counts as none in the table of some runs."""
        if self.margin is not None:
            return self.margin
        names = {run.name for run in runs}
        stated = [each.experiment.margin for each in self.experiments if names & {*each.runs}]
        return min(stated, default=MARGIN)

    def beside_control(self, row: Row, control: Row | None) -> Row:
        """The row with its difference to a control."""
        if control is None or row.kind == "control" or row.answered or not row.runs:
            return row
        found = over_control(
            row.runs, control.runs, spreads=(row.spread, control.spread), scorer=self.scorer
        )
        return replace(row, over_control=found)

    def compared(self, rows: Sequence[Row], margin: float, *, control: Row | None) -> list[Row]:
        """The rows compared with the reference, which is marked."""
        chosen = choose_reference(
            rows, wanted=self.reference, experiments=self.experiments, control=control
        )
        if chosen is None:
            return list(rows)
        others = [row.runs for row in rows if row.runs and row is not chosen]
        comparisons = iter(compare_with(chosen.runs, others, margin=margin, scorer=self.scorer))
        compared = []
        for row in rows:
            if row is chosen:
                row = replace(row, is_reference=True)
            elif row.runs:
                otherwise = _trained_otherwise(row, chosen)
                row = replace(row, comparison=next(comparisons), trained_otherwise=otherwise)
            compared.append(row)
        return compared


def _trained_otherwise(row: Row, reference: Row) -> bool:
    """Whether a network's settings, its own options aside, are others than the reference's.

    What was searched for is no difference between two rows that were both tuned.
    """
    if not row.kind == reference.kind == "network":
        return False
    searched: frozenset[str] = frozenset()
    if row.tuning is not None and reference.tuning is not None:
        searched = row.tuning.searched_keys | reference.tuning.searched_keys
    own, other = (training(each.runs[0].cell) for each in (row, reference))
    return any(own.get(key) != other.get(key) for key in (own.keys() | other.keys()) - searched)


def _answered(run: Run) -> tuple[int, int] | None:
    """:attr:`Row.answered`."""
    answers, whole = run.predicted_images["test"], run.data.parts["test"].images
    return None if answers == whole else (answers, whole)


def _support(run: Run) -> dict[str, int]:
    """Number of images that have each output, of those that a run answers."""
    if _answered(run) is None:
        return dict(run.data.parts["test"].classes)
    return run.predictions()["test"].counts(run.outputs)


def _mean(values: Iterable[float | None]) -> float | None:
    """None where there are none, or where one is not known."""
    known = list(values)
    if not known or None in known:
        return None
    return float(np.mean(np.asarray(known, dtype=np.float64)))


def _by_row(runs: list[Run]) -> list[list[Run]]:
    """Runs that differ in nothing but their seeds, together and sorted by these."""
    by_row: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        cell = run.cell
        key = json.dumps([cell.kind, cell.model, cell.loss, cell.dotted], sort_keys=True)
        by_row[key].append(run)
    return [sorted(group, key=lambda run: run.cell.seed) for group in by_row.values()]
