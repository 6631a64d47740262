"""The designs of questions: their runs by the levels of what is varied, and those missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from pathlib import PurePath
from typing import Any

from bench.config import Experiment, Question
from bench.config.dotted import flatten
from bench.runs.cells import concerns_controls, concerns_network
from bench.runs.records import ExperimentRecord
from bench.runs.run import Run

Point = tuple[str, ...]
"""One level for each key of a design."""

NOT_APPLICABLE = "–"
"""The level of a key that does not concern a cell, such as another network's option."""

# What a command may narrow without asking another question, and what changes no result.
NARROWED = {"models", "losses", "seeds", "controls", "vary", "description", "margin"}
# How a network's numbers are computed, which an experiment may leave to the device.
ARITHMETIC = ("train.precision", "train.memory_format", "train.compile")


@dataclass(frozen=True, kw_only=True)
class Design:
    """An experiment with a question, and its runs.

    Attributes:
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

    def label(self, point: Point) -> str:
        """A network or control and its levels: ``cxnet_m1 sin, data.image_size=512``."""
        model, loss, *others = point
        settings = [
            f"{key}={level}"
            for key, level in zip(self.keys[2:], others, strict=True)
            if level != NOT_APPLICABLE
        ]
        return ", ".join([f"{model} {loss}".strip(), *settings])

    def data_label(self, point: Point) -> str:
        """The data of a point: ``data.image_size=512``; "" where no key of the data is varied."""
        return ", ".join(
            f"{key}={level}"
            for key, level in zip(self.keys, point, strict=True)
            if concerns_controls(key)
        )

    def add(self, runs: Iterable[Run], expected: Iterable[tuple[Point, int]]) -> None:
        """Add the runs that ended; those expected that are not among them are gaps."""
        by_point = {
            (tuple(str(_level(run, key)) for key in self.keys), run.cell.seed): run for run in runs
        }
        for point, seed in dict.fromkeys([*expected, *by_point]):
            run = by_point.get((point, seed))
            if run is None or run.outcome.state != "finished":
                label = self.label(point)
                name = f"{label}, seed {seed}" if point[1] else f"control {label}"
                outcome = (
                    f"{run.outcome.state}: {run.outcome.reason}"
                    if run
                    else "has no run that can be used"
                )
                self.gaps.append(f"{name}: {outcome}")
        for point, seed in sorted(by_point, key=lambda key: self._order(key[0])):
            run = by_point[point, seed]
            if run.outcome.state == "finished" and run.cell.kind == "control":
                self.controls[point] = run
            elif run.outcome.state == "finished":
                self.networks.setdefault(point, {})[seed] = run

    def _order(self, point: Point) -> tuple[int, ...]:
        """Sorts points by their levels; a key that does not concern one comes first."""
        return tuple(
            self.levels[key].index(level) if level in self.levels[key] else -1
            for key, level in zip(self.keys, point, strict=True)
        )


def find_designs(runs: Iterable[Run], recorded: Iterable[ExperimentRecord]) -> list[Design]:
    """The design of each question.

    Records of one experiment are united, so that runs made by several narrowed commands come
    together: where the question is the same, all settings that are not narrowed agree, and neither
    data nor arithmetic differ. Others are designs of their own.
    """
    by_name = {run.name: run for run in runs}
    groups: list[list[_Record]] = []
    for each in recorded:
        if each.experiment.question is None:
            continue
        ended = [by_name[name] for name in sorted(each.runs) if name in by_name]
        record = _Record(experiment=each.experiment, runs=ended)
        fitting = (group for group in groups if all(record.fits(other) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append(group := [])
        group.append(record)
    return [_design(group) for group in groups]


@dataclass(frozen=True, kw_only=True)
class _Record:
    """One command's part of a design: its experiment, and those of its runs that ended."""

    experiment: Experiment
    runs: Sequence[Run]

    @property
    def keys(self) -> tuple[str, ...]:
        return ("model", "loss", *self.experiment.vary)

    def fits(self, other: _Record) -> bool:
        """Whether both are of one design, as far as their runs tell."""
        return self._shared == other._shared and all(
            other._facts.get(key, value) == value for key, value in self._facts.items()
        )

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """The settings that narrowed commands of one experiment have in common."""
        shared = flatten(self.experiment.model_dump(mode="json", exclude=NARROWED))
        for key in self.experiment.vary:
            shared.pop(key, None)
        # The same folder can be reached by several paths, and the weights be in several.
        shared["data.root"] = PurePath(self.experiment.data.root or "").name
        for key in ("model.weights_dir", "train.checkpoint_seconds"):
            shared.pop(key, None)
        return shared | {"vary": self.keys}

    @cached_property
    def _facts(self) -> dict[str, str]:
        """The data at each level, the run at each point, and how its numbers were computed."""
        facts = {}
        for run in self.runs:
            point = [_level(run, key) for key in self.keys]
            levels = dict(zip(self.keys, point, strict=True))
            data = {key: level for key, level in levels.items() if key.startswith("data.")}
            facts[f"data at {data}"] = run.data.fingerprint
            facts[f"run at {point}, seed {run.cell.seed}"] = run.name
            if run.cell.kind == "network":
                settings = run.cell.dotted
                for key in ARITHMETIC:
                    if key not in self.keys:
                        facts[key] = level_text(settings[key])
        return facts

    def expected(self) -> Iterator[tuple[Point, int]]:
        """Points and seeds of the runs that the command was to make, the controls first."""
        experiment = self.experiment
        levels = experiment.vary.values()

        def varied(levels: Sequence[Any], concerns: Callable[[str], bool]) -> Point:
            return tuple(
                level_text(level) if concerns(key) else NOT_APPLICABLE
                for key, level in zip(experiment.vary, levels, strict=True)
            )

        for control, *others in product(experiment.controls, *levels):
            yield (control, "", *varied(others, concerns_controls)), 0
        for model, loss, *others, seed in product(
            experiment.models, experiment.losses, *levels, experiment.seeds
        ):
            own = partial(concerns_network, model=model, loss=loss)
            yield (model, loss, *varied(others, own)), seed


def _design(group: Sequence[_Record]) -> Design:
    experiments = [record.experiment for record in group]
    question, keys = experiments[0].question, group[0].keys
    assert question is not None, "only such records are grouped"
    levels: dict[str, list[Any]] = {
        "model": [model for each in experiments for model in each.models],
        "loss": [loss for each in experiments for loss in each.losses],
    } | {key: [level for each in experiments for level in each.vary[key]] for key in keys[2:]}
    runs = {run.name: run for record in group for run in record.runs}.values()
    unknown = [key for key in keys if any(_level(run, key) is None for run in runs)]
    design = Design(
        name=experiments[0].name,
        question=question,
        keys=keys,
        levels={key: _in_order(map(level_text, levels[key])) for key in keys},
        problem=f"runs do not record {unknown[0]}, so that its levels cannot be told apart"
        if unknown
        else "",
    )
    if not unknown:
        design.add(runs, [each for record in group for each in record.expected()])
    return design


def _in_order(levels: Iterable[str]) -> list[str]:
    """Distinct levels: numbers by size, others as they were given."""
    distinct = list(dict.fromkeys(levels))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _level(run: Run, key: str) -> str | None:
    """A run's level of a key; None where it does not record it."""
    cell = run.cell
    if key in ("model", "loss"):
        return cell.model if key == "model" else cell.loss
    if key == "data.split_seed":
        return level_text(run.data.split.seed)
    if cell.kind == "control" and not concerns_controls(key):
        return NOT_APPLICABLE
    if not concerns_network(key, model=cell.model, loss=cell.loss):
        return NOT_APPLICABLE
    key, settings = cell.own_key(key), cell.dotted
    return level_text(settings[key]) if key in settings else None


def level_text(value: Any) -> str:
    """A level as text that is the same for equal levels: ``1`` for 1.0, ``before_norm``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
