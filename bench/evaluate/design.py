"""The designs of questions: their runs by the levels of what is varied, and those missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import PurePath
from typing import Any

from bench.config import Experiment, Question
from bench.config.dotted import flatten
from bench.runs.cells import MODEL_OPTIONS, concerns_controls, concerns_network
from bench.runs.records import ExperimentRecord
from bench.runs.run import Run

Point = tuple[str, ...]
"""One level for each key of a design."""

NOT_APPLICABLE = "–"
"""The level of a key that does not concern a cell, such as another network's option."""

# What a command may narrow without asking another question, and what changes no result.
NARROWED = ("models", "losses", "seeds", "controls")
WITHOUT_EFFECT = ("name", "description", "vary", "question")
# How a network's numbers are computed, which an experiment may leave to the device.
ARITHMETIC = ("train.precision", "train.memory_format", "train.compile")


@dataclass(kw_only=True)
class Design:
    """An experiment with a question, and its runs.

    Attributes:
        name: the experiment's.
        question: what it asks.
        keys: ``model``, ``loss`` and the keys that the experiment varies.
        levels: of each key, numbers by size and others in the order in which they were given.
        networks: finished runs by point and seed, in the order of the levels.
        controls: finished controls by point, in that order.
        gaps: each run that is missing, and why.
        problem: why the runs cannot be told apart by their levels; "" where they can.
    """

    name: str
    question: Question
    keys: tuple[str, ...]
    levels: dict[str, list[str]]
    networks: dict[Point, dict[int, Run]] = field(default_factory=dict)
    controls: dict[Point, Run] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    problem: str = ""

    def sort_key(self, point: Point) -> tuple[int, ...]:
        """Sorts points by their levels; a key that does not concern one comes first."""
        return tuple(
            self.levels[key].index(level) if level in self.levels[key] else -1
            for key, level in zip(self.keys, point, strict=True)
        )

    def label(self, point: Point) -> str:
        """A network or control and its levels: ``cxnet_m1 sin, data.image_size=512``."""
        model, loss, *others = point
        settings = [
            f"{key}={level}"
            for key, level in zip(self.keys[2:], others, strict=True)
            if level != NOT_APPLICABLE
        ]
        return ", ".join([f"{model} {loss}".strip(), *settings])

    def run_label(self, point: Point, seed: int) -> str:
        """A run: ``cxnet_m1 sin, data.image_size=512, seed 0``; ``control prior``."""
        label, is_network = self.label(point), point[1]
        return f"{label}, seed {seed}" if is_network else f"control {label}"

    def data_label(self, point: Point) -> str:
        """The data of a point: ``data.image_size=512``; "" where no key of the data is varied."""
        return ", ".join(
            f"{key}={level}"
            for key, level in zip(self.keys, point, strict=True)
            if concerns_controls(key)
        )


def find_designs(runs: Iterable[Run], recorded: Iterable[ExperimentRecord]) -> list[Design]:
    """The design of each question.

    Records of one experiment are united, so that runs made by several narrowed commands come
    together: where the question is the same, all settings that are not narrowed agree, and neither
    data nor arithmetic differ. Others are designs of their own.

    Args:
        runs: those that ended.
        recorded: the experiments; those without a question are left out.
    """
    by_name = {run.folder.name: run for run in runs}
    groups: list[list[_Record]] = []
    for record in (_Record.of(each, by_name) for each in recorded if each.experiment.question):
        fitting = (group for group in groups if all(record.fits(other) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append(group := [])
        group.append(record)
    return [_design(group) for group in groups]


@dataclass(frozen=True, kw_only=True)
class _Record:
    """One command's part of a design.

    Attributes:
        experiment: as it was given.
        runs: those of its runs that ended.
        shared: what the records of a design have in common, as JSON.
        facts: what two records of a design do not differ in, where both know it.
    """

    experiment: Experiment
    runs: tuple[Run, ...]
    shared: str
    facts: dict[str, str]

    @classmethod
    def of(cls, recorded: ExperimentRecord, by_name: Mapping[str, Run]) -> _Record:
        experiment = recorded.experiment
        runs = tuple(by_name[name] for name in sorted(recorded.runs) if name in by_name)
        return cls(
            experiment=experiment,
            runs=runs,
            shared=json.dumps(_shared(experiment), sort_keys=True),
            facts=dict(_facts(runs, _keys(experiment))),
        )

    def fits(self, other: _Record) -> bool:
        return self.shared == other.shared and all(
            other.facts.get(key, value) == value for key, value in self.facts.items()
        )

    def expected(self) -> Iterator[tuple[Point, int]]:
        """Points and seeds of the runs that the command was to make, the controls first."""
        experiment = self.experiment
        for control, *levels in product(experiment.controls, *experiment.vary.values()):
            others = (
                level_text(level) if concerns_controls(key) else NOT_APPLICABLE
                for key, level in zip(experiment.vary, levels, strict=True)
            )
            yield (control, "", *others), 0
        for model, loss, *levels, seed in product(
            experiment.models, experiment.losses, *experiment.vary.values(), experiment.seeds
        ):
            others = (
                level_text(level) if concerns_network(key, model) else NOT_APPLICABLE
                for key, level in zip(experiment.vary, levels, strict=True)
            )
            yield (model, loss, *others), seed


def _keys(experiment: Experiment) -> tuple[str, ...]:
    return ("model", "loss", *experiment.vary)


def _shared(experiment: Experiment) -> dict[str, Any]:
    """The settings that narrowed commands of one experiment have in common."""
    left_out = (*NARROWED, *WITHOUT_EFFECT)
    flat = flatten(experiment.model_dump(mode="json", exclude={*left_out}))
    for key in experiment.vary:
        flat.pop(key, None)
    # The same folder can be reached by several paths, and the weights be in several.
    flat["data.root"] = PurePath(experiment.data.root or "").name
    flat.pop("model.weights_dir", None)
    return {
        "settings": flat,
        "name": experiment.name,
        "keys": _keys(experiment),
        "question": experiment.question.model_dump() if experiment.question else None,
    }


def _facts(runs: Iterable[Run], keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The data at each level, the run at each point, and how its numbers were computed."""
    for run in runs:
        point = [_level(run, key) for key in keys]
        if None in point:
            continue
        here = dict(zip(keys, point, strict=True))
        data = {key: level for key, level in here.items() if key.startswith("data.")}
        yield f"data at {data}", run.data.fingerprint
        yield f"run at {point}, seed {run.cell.seed}", run.folder.name
        if run.cell.kind == "network":
            settings = run.cell.dotted
            yield from ((key, level_text(settings[key])) for key in ARITHMETIC if key not in keys)


def _design(group: Sequence[_Record]) -> Design:
    experiments = [record.experiment for record in group]
    question = experiments[0].question
    assert question is not None, "only such records are grouped"
    keys = _keys(experiments[0])
    levels: dict[str, list[Any]] = {
        "model": [model for each in experiments for model in each.models],
        "loss": [loss for each in experiments for loss in each.losses],
    } | {key: [level for each in experiments for level in each.vary[key]] for key in keys[2:]}
    design = Design(
        name=experiments[0].name,
        question=question,
        keys=keys,
        levels={key: _in_order(map(level_text, levels[key])) for key in keys},
    )
    by_point: dict[tuple[Point, int], Run] = {}
    for run in {run.folder.name: run for record in group for run in record.runs}.values():
        point = _point(run, keys)
        if point is None:
            unknown = next(key for key in keys if _level(run, key) is None)
            design.problem = (
                f"runs do not record {unknown}, so that its levels cannot be told apart"
            )
            return design
        by_point[point, run.cell.seed] = run
    expected = dict.fromkeys(each for record in group for each in record.expected())
    for point, seed in expected | by_point:
        outcome = by_point[point, seed].outcome if (point, seed) in by_point else None
        if outcome is None or outcome.state != "finished":
            reason = f"{outcome.state}: {outcome.reason}" if outcome else "has not ended"
            design.gaps.append(f"{design.run_label(point, seed)}: {reason}")
    for point, seed in sorted(by_point, key=lambda at: design.sort_key(at[0])):
        run = by_point[point, seed]
        if run.outcome.state == "finished" and run.cell.kind == "control":
            design.controls[point] = run
        elif run.outcome.state == "finished":
            design.networks.setdefault(point, {})[seed] = run
    return design


def _in_order(levels: Iterable[str]) -> list[str]:
    """Distinct levels: numbers by size, others as they were given."""
    distinct = list(dict.fromkeys(levels))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _point(run: Run, keys: Sequence[str]) -> Point | None:
    levels = [_level(run, key) for key in keys]
    return None if None in levels else tuple(level for level in levels if level is not None)


def _level(run: Run, key: str) -> str | None:
    """A run's level of a key; None where it does not say."""
    cell = run.cell
    if key in ("model", "loss"):
        return cell.model if key == "model" else cell.loss
    if key == "data.split_seed":
        return level_text(run.data.split.seed)
    if cell.kind == "control" and not concerns_controls(key):
        return NOT_APPLICABLE
    if key.startswith(MODEL_OPTIONS):
        if not concerns_network(key, cell.model):
            return NOT_APPLICABLE
        key = MODEL_OPTIONS + key.split(".", 3)[3]
    settings = cell.dotted
    return level_text(settings[key]) if key in settings else None


def level_text(value: Any) -> str:
    """A level as text that is the same for equal levels: ``1`` for 1.0, ``before_norm``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
