"""Plan of an experiment's comparisons, from label files and earlier runs."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from bench.config import Experiment, expand
from bench.config.problems import one_line
from bench.data.load import open_labels
from bench.data.splits import make_split
from bench.data.study import StudyTable
from bench.data.tasks import check_classes, make_task
from bench.errors import InputError
from bench.evaluate.auc import FEW_PATIENTS
from bench.evaluate.planning import (
    POWER,
    Assumptions,
    PartCounts,
    Plan,
    Side,
    count_part,
)
from bench.evaluate.score import auc_of
from bench.runs.cells import Cell, first_seed_cells
from bench.runs.run import Run
from bench.runs.store import Store
from bench.text import figures_table

SEEDS_SHOWN = (3, 5, 10)


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """The plan of one table of an experiment.

    Attributes:
        measured: where those of the plan's assumptions come from that were measured, by name.
        images_known: images that are not here are left out; False where label files alone were
            read.
    """

    task: str
    split: str
    image_size: int
    plan: Plan
    measured: Mapping[str, str]
    images_known: bool


def plan_tables(
    experiment: Experiment, *, out: Path, assumed: Mapping[str, float]
) -> list[TablePlan]:
    """Plan each table of an experiment: one for each task, split and image size.

    Args:
        experiment: what is to be run.
        out: folder of earlier runs, which need not be there: networks of the same source, task and
            split give the AUC and its spread over seeds.
        assumed: values of :class:`Assumptions` by name, which come before those of earlier runs.

    Raises:
        InputError: an assumption that is not one, or label files or a split that a run would
            refuse.
    """
    levels: defaultdict[str, list[Experiment]] = defaultdict(list)
    for level in expand(experiment):
        data = level.data.model_dump(mode="json", exclude={"train_share"})
        levels[json.dumps([level.task, data])].append(level)
    studies: dict[str, StudyTable] = {}
    earlier = Store(out).runs() if out.is_dir() else []
    return [_plan(group, studies, earlier=earlier, assumed=assumed) for group in levels.values()]


def _plan(
    levels: list[Experiment],
    studies: dict[str, StudyTable],
    *,
    earlier: Sequence[Run],
    assumed: Mapping[str, float],
) -> TablePlan:
    """The plan of a table.

    Args:
        levels: those of the experiment whose runs stand in it.
        studies: labels by their settings, read once.
    """
    level, data = levels[0], levels[0].data
    name = repr((data.source, data.root, data.options))
    if name not in studies:
        studies[name] = open_labels(data)
    study = studies[name]
    task = make_task(level.task, study.finding_names)
    split = make_split(study.rows, data)
    mask = task.select(study.rows)
    check_classes(
        task,
        task.targets(study.rows),
        {part: rows[mask[rows]] for part, rows in split.parts.items()},
    )
    measured = _measured(_tested_so(level, earlier))
    try:
        assumptions = Assumptions.model_validate(
            {name: value for name, (value, _) in measured.items()} | dict(assumed)
        )
    except ValidationError as error:
        raise InputError(f"assumptions of the plan: {one_line(error, Assumptions)}") from None
    rows = _rows(levels)
    return TablePlan(
        task=task.name,
        split=split.name,
        image_size=data.image_size,
        measured={name: text for name, (_, text) in measured.items() if name not in assumed},
        images_known=study.reader is not None,
        plan=Plan(
            part=count_part(study.rows.iloc[split.test], task),
            comparisons=max(1, len(rows) - 1),
            networks=sum(cell.kind == "network" for cell in rows),
            seeds=len(level.seeds),
            margin=level.margin,
            assumptions=assumptions,
        ),
    )


def _rows(levels: Iterable[Experiment]) -> list[Cell]:
    """A cell of each row of a table."""
    return list({_row(cell): cell for level in levels for cell in first_seed_cells(level)}.values())


def _row(cell: Cell) -> str:
    return cell.model_copy(update={"seed": 0}).model_dump_json()


def _tested_so(experiment: Experiment, runs: Iterable[Run]) -> list[Run]:
    """The finished networks among some runs that were tested as an experiment will be."""
    wanted = (experiment.data.source, experiment.task, experiment.data.split)
    return [
        run
        for run in runs
        if run.cell.kind == "network"
        and run.outcome.state == "finished"
        and (run.data.source, run.data.task, run.data.split.name) == wanted
    ]


def _measured(runs: list[Run]) -> dict[str, tuple[float, str]]:
    """Assumptions that earlier runs give, each with where it comes from."""
    by_row: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for run in runs:
        row = (_row(run.cell), run.data.fingerprint, run.data.split.hash)
        by_row[row].append(auc_of(run.predictions()["test"], run.outputs).value)
    measured = {}
    auc = float(np.mean([np.mean(values) for values in by_row.values()])) if by_row else math.nan
    if 0.5 < auc < 1.0:
        measured["auc"] = (auc, f"the mean of {len(by_row)} rows of earlier runs")
    repeated = [values for values in by_row.values() if len(values) > 1]
    df = sum(len(values) - 1 for values in repeated)
    if df:
        squares = sum((len(values) - 1) * np.var(values, ddof=1) for values in repeated)
        measured["seed_deviation"] = (
            math.sqrt(squares / df),
            f"pooled from {df + len(repeated)} earlier runs of {len(repeated)} rows",
        )
    return measured


def describe_tables(tables: Sequence[TablePlan]) -> Iterator[str]:
    """Lines of text about each plan; tables with equal plans share them."""
    alike: defaultdict[str, list[TablePlan]] = defaultdict(list)
    for table in tables:
        alike[repr(table.plan)].append(table)
    for same in alike.values():
        names = [f"{table.task}, split {table.split}, {table.image_size} px" for table in same]
        yield from ("", f"what the comparison can show ({'; '.join(names)})")
        plan = same[0].plan
        yield from _describe_part(plan.part)
        if not same[0].images_known:
            yield "counted from the label files, whether or not an image is here"
        yield from _describe_power(plan)
        yield from _describe_assumptions(plan, same[0].measured)


def _describe_part(part: PartCounts) -> Iterator[str]:
    def size(side: Side) -> str:
        return f"{side.images:,} images of {side.patients:,} patients"

    rarest = min(part.classes, key=lambda each: each.rarer_patients)
    of_classes = (
        f"{rarest.name} {size(rarest.positive)}, others {size(rarest.negative)}"
        if len(part.classes) == 1
        else f"{len(part.classes)} findings, the rarest {rarest.name}: {size(rarest.positive)}"
    )
    yield f"test part: {part.images:,} images of {part.patients:,} patients; {of_classes}"
    few = [each for each in part.classes if each.rarer_patients < FEW_PATIENTS]
    if few:
        yield (
            f"warning: rough, with fewer than {FEW_PATIENTS} patients with or without: "
            + ", ".join(f"{each.name} ({each.rarer_patients})" for each in few)
        )


def _describe_power(plan: Plan) -> Iterator[str]:
    power = f"{100 * POWER:.0f} %"
    if plan.seeds == 1:
        yield "one seed shows nothing: no network can be called better, worse or equivalent"
    needed = plan.seeds_for_margin
    seeds = sorted({*SEEDS_SHOWN, plan.seeds, *([needed] if needed else [])} - {1})
    yield from figures_table(
        "seeds",
        {
            f"{k}, as planned" if k == plan.seeds else str(k): {
                f"smallest true difference of AUC shown with {power}": (
                    f"{plan.smallest_difference(k):.3f}"
                ),
                f"equal networks are equivalent within {plan.margin:g}": (
                    f"{100 * plan.power_of_equivalence(k):.0f} %"
                ),
            }
            for k in seeds
        },
    )
    if plan.patients_for_margin:
        patients, enough = plan.patients_for_margin
        yield (
            f"no number of seeds makes equal networks equivalent within {plan.margin:g} with "
            f"{power}: the test part is too small; that takes about "
            f"{int(float(f'{patients:.1e}')):,} such patients, and {enough} seeds"
        )


def _describe_assumptions(plan: Plan, measured: Mapping[str, str]) -> Iterator[str]:
    texts = {
        "auc": "AUC of the networks",
        "seed_deviation": "standard deviation of a network's AUC over seeds",
        "correlation": "correlation of two networks' AUCs over patients",
        "within_patient": "correlation of the images of one patient",
    }
    for name, text in texts.items():
        value = getattr(plan.assumptions, name)
        yield f"{name}={value:.3g}: {text} ({measured.get(name, 'assumed')})"
    yield f"{plan.comparisons} comparisons, controls among them, corrected by Holm (the first step)"
