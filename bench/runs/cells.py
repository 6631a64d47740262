"""The matrix: one cell for each model, loss and seed, and one for each control."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from bench.config import Experiment, TrainConfig
from bench.config.dotted import flatten
from bench.errors import InputError
from bench.registry import DATASETS, LOSSES, MODELS, LossEntry, ModelEntry, find_model
from bench.registry.core import comes_from_plugin
from bench.registry.models import TIMM_PREFIX

# Part of every key: raised when a change of the harness changes results, so that runs from
# before it are not mistaken for runs from after it.
RESULTS_VERSION = 1


MODEL_OPTIONS = "model.options."
CASCADE_TASK = "findings14"
"""The task whose question a cascade answers."""

# How a network was trained whose run does not say so, as those of the first versions do not.
UNSAID: dict[str, Any] = {
    "data.train_share": 1.0,
    "train.micro_batch": None,
    "train.memory_format": "contiguous",
    "train.compile": False,
}

# Of these, what is still left unsaid, so that the keys of all runs before it hold.
_LATER = ("memory_format", "compile")


def concerns_controls(key: str) -> bool:
    """Whether a dotted key can make a difference to a control, which knows no model or training."""
    return key == "task" or key.startswith("data.")


def concerns_network(key: str, model: str) -> bool:
    """Whether a dotted key can make a difference to a network: another's option cannot."""
    return not key.startswith(MODEL_OPTIONS) or key.split(".")[2] == model


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row's share of the matrix.

    Attributes:
        kind: ``network`` (trained), ``control`` (a predictor that sees no lungs), ``imported``
            (predictions that others made) or ``cascade`` (made of other runs' predictions).
        model: registered name of the model or control, or what the predictions were called.
        loss: registered name; "" where nothing was trained here.
        seed: the run's seed; 0 where nothing was trained here.
        settings: everything else that can change its predictions, as JSON values. Where the
            files lie and which device is used are no part of it.
    """

    kind: Literal["network", "control", "imported", "cascade"]
    model: str
    loss: str
    seed: int
    settings: dict[str, Any]

    @property
    def label(self) -> str:
        """Short name for people: ``cxnet_m1 sin seed 0``."""
        if self.kind == "cascade":
            return f"{self.system}: {self.model} {self.loss}".rstrip() + f" seed {self.seed}"
        if self.kind != "network":
            return f"{self.kind} {self.model}"
        return f"{self.model} {self.loss} seed {self.seed}"

    @property
    def system(self) -> str:
        """How a cascade answers: ``cascade``, ``flat`` or ``always normal``; "" of other kinds."""
        return str(self.settings["system"]) if self.kind == "cascade" else ""

    def without_task(self) -> str:
        """A text that is equal for cells that differ in nothing but task and seed."""
        settings = {key: value for key, value in self.settings.items() if key != "task"}
        return json.dumps([self.kind, self.model, self.loss, settings], sort_keys=True)

    def as_cascade(self, system: str) -> Cell:
        """The cell of a system that is made of the runs of this one's model, loss and seed.

        Args:
            system: ``cascade``, ``flat``, or ``always normal``, which no model changes.
        """
        settings = {**self.settings, "task": CASCADE_TASK, "system": system}
        if system == "always normal":
            settings = {key: settings[key] for key in ("data", "task", "system") if key in settings}
            return Cell(kind="cascade", model="no network", loss="", seed=0, settings=settings)
        return replace(self, kind="cascade", settings=settings)

    @property
    def all_settings(self) -> dict[str, Any]:
        """The settings by dotted key, with those that a network's run leaves unsaid."""
        said = flatten(self.settings)
        unsaid = UNSAID if self.kind == "network" else {}
        return said | {key: value for key, value in unsaid.items() if key not in said}

    def key(self, *, data: str, split: str) -> str:
        """Sixteen hex digits that name the run: SHA-256 over settings, data and split.

        Args:
            data: fingerprint of the data.
            split: hash of the split.
        """
        content = {
            "version": RESULTS_VERSION,
            "kind": self.kind,
            "model": self.model,
            "loss": self.loss,
            "seed": self.seed,
            "settings": self.settings,
            "data": data,
            "split": split,
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def folder_name(self, key: str) -> str:
        """Name of the run's folder: readable, and unique by its key."""
        parts = [re.sub("[:/ ]", "-", self.model)]
        if self.kind == "network" or self.loss:
            parts += [self.loss, f"s{self.seed}"]
        if self.kind != "network":
            parts.append(self.system.replace(" ", "-") or self.kind)
        return "-".join([*parts, key])


def make_cells(experiment: Experiment, *, weights: Mapping[str, str]) -> list[Cell]:
    """All cells of an experiment: the controls first (they take seconds), then seed by seed.

    Args:
        experiment: what to run; its ``train.precision`` and ``train.memory_format`` are no
            longer ``auto``, because a run in bfloat16 is another run than one in float32.
        weights: a digest of the pretrained weights of each model that starts from some; they
            are part of its key.

    Raises:
        InputError: an unknown model, loss or data source.
    """
    config = experiment.data
    options = DATASETS.get(config.source).parse_options(dict(config.options))
    # Seed and fractions of the split are left out: its hash, which is in the key, says what
    # came of them.
    data = {
        "source": config.source,
        "image_size": config.image_size,
        "split": config.split,
        "train_share": config.train_share,
        "options": options.model_dump(mode="json"),
    }
    if config.train_share != 1.0:
        # Drawn after the split was made: its hash does not know of it.
        data["split_seed"] = config.split_seed
    shared = {"data": data, "task": experiment.task}
    cells = [
        Cell(kind="control", model=name, loss="", seed=0, settings=shared)
        for name in experiment.controls
    ]
    for seed in experiment.seeds:
        for model in experiment.models:
            settings = {
                **shared,
                "model": _model_settings(experiment, find_model(model), weights.get(model)),
                "train": _train_settings(experiment.train),
            }
            cells += [
                Cell(
                    kind="network",
                    model=model,
                    loss=loss,
                    seed=seed,
                    settings=settings | _loss_settings(LOSSES.get(loss)),
                )
                for loss in experiment.losses
            ]
    return cells


def _model_settings(
    experiment: Experiment, entry: ModelEntry, weights: str | None
) -> dict[str, Any]:
    config = experiment.model
    settings: dict[str, Any] = {
        "pretrained": weights is not None,
        "in_channels": config.in_channels,
        "options": config.options.get(entry.name, {}),
    }
    if weights is not None:
        # A network that starts from scratch is always trained whole.
        settings |= {"weights": weights, "policy": config.policy}
    if comes_from_plugin(entry.source):
        settings["code"] = _code_digest(entry)
    return settings


def _train_settings(config: TrainConfig) -> dict[str, Any]:
    """Of a network's key; the latest are left out where they are as in all runs before them."""
    settings = config.model_dump(mode="json")
    for name in _LATER:
        if settings[name] == UNSAID[f"train.{name}"]:
            del settings[name]
    return settings


def train_config_of(cell: Cell) -> TrainConfig:
    """The training settings of a network's cell, those included that its key leaves out."""
    unsaid = {name: UNSAID[f"train.{name}"] for name in _LATER}
    return TrainConfig.model_validate(unsaid | cell.settings["train"])


def _loss_settings(entry: LossEntry) -> dict[str, Any]:
    return {"loss_code": _code_digest(entry)} if comes_from_plugin(entry.source) else {}


def _code_digest(entry: ModelEntry | LossEntry) -> str:
    """Digest of a plugin's file: who edits it must not be shown its old results."""
    file = getattr(sys.modules.get(entry.source), "__file__", None)
    content = Path(file).read_bytes() if file else entry.source.encode()
    return hashlib.sha256(content).hexdigest()[:16]


def select_models(
    wanted: Sequence[str], *, configured: Sequence[str], take_all: bool
) -> tuple[str, ...]:
    """The models of a run, from names and shell patterns on the command line.

    An exact name is any registered model. A pattern picks from the experiment's models with
    ``--all``, and from all registered ones without.

    Args:
        wanted: names and patterns; none means the experiment's own models.
        configured: the experiment's models.
        take_all: ``--all`` was given.

    Raises:
        InputError: a name is unknown, a pattern matches nothing, or neither a model nor
            ``--all`` was given.
    """
    if not wanted:
        if not take_all:
            raise InputError("nothing to run: name models (such as cxnet_m1) or give --all")
        return tuple(configured)
    chosen: list[str] = []
    for name in wanted:
        if name.startswith(TIMM_PREFIX) or not any(sign in name for sign in "*?["):
            chosen.append(find_model(name).name)
            continue
        pool = list(configured) if take_all else [entry.name for entry in MODELS]
        matching = [model for model in pool if fnmatchcase(model, name)]
        if not matching:
            raise InputError(f"no model fits {name!r} among: {', '.join(pool)}")
        chosen += matching
    return tuple(dict.fromkeys(chosen))
