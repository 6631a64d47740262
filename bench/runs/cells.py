"""The matrix: one cell for each model, loss and seed, and one for each control."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    WrapSerializer,
    model_validator,
)

from bench.config import DataConfig, Experiment, TrainConfig
from bench.config.dotted import flatten
from bench.config.frozen import Frozen
from bench.registry import DATASETS, LOSSES, LossEntry, ModelEntry, find_model
from bench.registry.core import comes_from_plugin

if TYPE_CHECKING:
    from bench.data.description import DataRecord

RESULTS_VERSION = 2
"""Part of every key; raised when a change of the harness changes results, so that runs from before
it are not mistaken for runs from after it."""

MODEL_OPTIONS, LOSS_OPTIONS = "model.options.", "loss.options."
FROZEN = "frozen"
"""The control that is fitted on the features of a pretrained network."""
CASCADE_TASK = "findings14"
"""The task of a cascade's predictions."""

System = Literal["cascade", "flat", "always normal"]
Part = Literal["all", "test"]
"""The images of other data that a network is evaluated on."""


def concerns_controls(key: str) -> bool:
    """Whether a dotted key can make a difference to a control, which knows no model or training."""
    return key == "task" or key.startswith("data.")


def concerns_network(key: str, *, model: str, loss: str) -> bool:
    """Whether a dotted key can make a difference to a network: another's option cannot."""
    for options, owner in ((MODEL_OPTIONS, model), (LOSS_OPTIONS, loss)):
        if key.startswith(options):
            return key.removeprefix(options).rpartition(".")[0] == owner
    return True


class SourceSettings(Frozen):
    """The data source of a run, by registered name, with all its options."""

    source: str
    options: dict[str, JsonValue]


class DataSettings(SourceSettings):
    """The data settings of a run that neither fingerprint nor split hash contains."""

    image_size: int
    split: str
    train_share: float
    # From which a share of the training part was drawn; None where all of it is learned from.
    split_seed: int | None = None


class TaskSettings(Frozen):
    """Settings that every run made here depends on; where the files lie is no part of it."""

    data: DataSettings
    task: str


class ControlSettings(TaskSettings):
    """Everything that a control depends on."""

    # SHA-256 of the pretrained weights that ``frozen`` sees images through; None of other controls,
    # and where there were none.
    weights: str | None = None


class ModelSettings(Frozen):
    """Initial state of a network."""

    pretrained: bool
    in_channels: Literal[1, 3]
    options: dict[str, JsonValue]
    weights: str | None = None  # SHA-256 of the pretrained weights; None from scratch
    # As :class:`bench.config.schema.ModelConfig`; None from scratch: all is trained.
    policy: Literal["full", "head", "last_stage"] | None = None
    # As :class:`bench.config.schema.ModelConfig`; None from scratch: the data's.
    normalisation: Literal["data", "pretrained"] | None = None
    # Digest of the plugin that registered the network; None of a built-in one.
    code: str | None = None


class LossSettings(Frozen):
    """Options and origin of a loss."""

    options: dict[str, JsonValue] = Field(default_factory=dict)
    code: str | None = None  # digest of the plugin that registered the loss; None of a built-in one


def _dump_training(train: TrainConfig, dump: SerializerFunctionWrapHandler) -> Any:
    """The settings of a training as records and keys have them."""
    values = dump(train)
    values.pop("checkpoint_seconds", None)
    if values.get("devices") == 1:
        del values["devices"]
    return values


TrainSettings = Annotated[TrainConfig, WrapSerializer(_dump_training)]
"""The settings of a training as runs keep them: ``checkpoint_seconds`` is in no record and key, for
it changes no result, and ``devices`` in those of several alone, for older runs know one only."""


class NetworkSettings(TaskSettings):
    """Everything that a network's run depends on beside model, loss and seed."""

    model: ModelSettings
    loss: LossSettings = LossSettings()
    # How it is trained; ``precision`` and ``memory_format`` are no longer ``auto``.
    train: TrainSettings


class CascadeSettings(ControlSettings):
    """The settings of the runs that a cascade is made of; None in those of controls."""

    system: System
    model: ModelSettings | None = None
    loss: LossSettings | None = None
    train: TrainSettings | None = None


class FileSettings(Frozen):
    """Reading of predictions from a file."""

    digest: str  # SHA-256 of the file
    # How columns of findings made one probability; None where they did not.
    combine: Literal["noisy_or", "max"] | None = None
    image_column: str | None = None  # the column of images; None where it has a standard name
    # The column of probabilities; None where they have standard names.
    score_column: str | None = None


class ImportSettings(Frozen):
    """Everything that imported predictions depend on: labels, task and file."""

    data: SourceSettings
    task: str
    predictions: FileSettings


class ExternalSettings(NetworkSettings):
    """The settings of a network's run, and what of other data it is evaluated on."""

    home_data: str  # fingerprint of the data that the network was trained on
    home_split: str  # hash of their split
    part: Part  # of the other data: all images, or those of their own test part
    same_patients: bool  # whether equal patient ids of the two are one person


KINDS: dict[str, type[Frozen]] = {
    "network": NetworkSettings,
    "control": ControlSettings,
    "imported": ImportSettings,
    "cascade": CascadeSettings,
    "external": ExternalSettings,
}


class Cell(Frozen):
    """One run of the matrix, before it is run."""

    # ``network`` (trained), ``control`` (a simple predictor), ``imported`` (predictions that others
    # made), ``cascade`` (made of other runs' predictions) or ``external`` (a network's predictions
    # for data that it was not trained on).
    kind: Literal["network", "control", "imported", "cascade", "external"]
    model: str  # registered name of the model or control, or what the predictions were called
    loss: str  # registered name; "" where nothing was trained here
    seed: int  # the run's seed; 0 where nothing was trained here
    # Everything else that can change its predictions. Where the files lie and which device is used
    # are no part of it.
    settings: (
        NetworkSettings | ControlSettings | ImportSettings | CascadeSettings | ExternalSettings
    )

    @model_validator(mode="before")
    @classmethod
    def _read_settings_by_kind(cls, values: object) -> object:
        """One kind's errors, instead of those of all that the settings are not."""
        if not isinstance(values, dict):
            return values
        kind, settings = values.get("kind"), values.get("settings")
        if kind in KINDS and isinstance(settings, dict):
            return values | {"settings": KINDS[kind].model_validate(settings)}
        return values

    @model_validator(mode="after")
    def _settings_are_of_its_kind(self) -> Cell:
        if type(self.settings) is not KINDS[self.kind]:
            raise ValueError(f"settings are not those of kind {self.kind}")
        return self

    @property
    def network(self) -> NetworkSettings:
        """The settings of a network's cell; a TypeError in any other."""
        if not isinstance(self.settings, NetworkSettings):
            raise TypeError(f"{self.label} is no network")
        return self.settings

    @property
    def label(self) -> str:
        """Short name for people: ``cxnet_m1 sin seed 0``, ``resnet18 ce seed 0, pretrained``."""
        if self.kind == "cascade":
            return f"{self.system}: {self.model} {self.loss}".rstrip() + f" seed {self.seed}"
        if self.kind != "network":
            return f"{self.kind} {self.model}"
        start = ", pretrained" if self.network.model.pretrained else ""
        return f"{self.model} {self.loss} seed {self.seed}{start}"

    def label_at(self, levels: Mapping[str, object]) -> str:
        """The label at some levels (by dotted key) of an experiment that varies settings.

        Levels that the cell does not depend on are left out: it is the same run at all of them.
        """
        shown = [
            f"{key}={level}"
            for key, level in levels.items()
            if (
                concerns_controls(key)
                if self.kind == "control"
                else concerns_network(key, model=self.model, loss=self.loss)
            )
        ]
        return ", ".join([self.label, *shown])

    @property
    def system(self) -> str:
        """The system of a cascade's cell: ``cascade``, ``flat``, ``always normal``; else ""."""
        return self.settings.system if isinstance(self.settings, CascadeSettings) else ""

    def own_key(self, key: str) -> str:
        """A dotted key of the config as the settings have it, which know their own options alone.

        ``model.options.cxnet_m1.dropout`` is ``model.options.dropout`` to ``cxnet_m1``.
        """
        for options, owner in ((MODEL_OPTIONS, self.model), (LOSS_OPTIONS, self.loss)):
            if key.startswith(f"{options}{owner}."):
                return options + key.removeprefix(f"{options}{owner}.")
        return key

    def without_task(self) -> str:
        """A text that is equal for cells that differ in nothing but task and seed."""
        settings = self.settings.model_dump(mode="json", exclude={"task"})
        return json.dumps([self.kind, self.model, self.loss, settings], sort_keys=True)

    def as_cascade(self, system: System) -> Cell:
        """The cell of a system that is made of the runs of this one's model, loss and seed."""
        if system == "always normal":
            settings = self.settings.model_dump(include={"data"})
            named = {"model": "no network", "loss": "", "seed": 0}
        else:
            settings = self.settings.model_dump(exclude={"task"})
            named = self.model_dump(include={"model", "loss", "seed"})
        made = CascadeSettings.model_validate(settings | {"task": CASCADE_TASK, "system": system})
        return Cell(kind="cascade", settings=made, **named)

    def as_external(self, *, home: DataRecord, part: Part, same_patients: bool) -> Cell:
        """The cell of this network on other data.

        Args:
            home: the data that it was trained on.
        """
        settings = ExternalSettings.model_validate(
            self.network.model_dump()
            | {
                "home_data": home.fingerprint,
                "home_split": home.split.hash,
                "part": part,
                "same_patients": same_patients,
            }
        )
        return self.model_copy(update={"kind": "external", "settings": settings})

    @property
    def trained(self) -> Cell:
        """The network's own cell of one that is external."""
        settings = self.network.model_dump(include={*NetworkSettings.model_fields})
        trained = NetworkSettings.model_validate(settings)
        return self.model_copy(update={"kind": "network", "settings": trained})

    @property
    def dotted(self) -> dict[str, JsonValue]:
        """The settings by dotted key; without those that do not apply, such as a policy."""
        flat = flatten(self.settings.model_dump(mode="json"))
        if self.kind == "network":
            flat.setdefault("train.devices", 1)
        # In training None is a choice: there is no limit.
        return {k: value for k, value in flat.items() if value is not None or k[:6] == "train."}

    def key(self, *, data: str, split: str) -> str:
        """Sixteen hex digits of the SHA-256 over settings, data and split, that name the run."""
        content = {
            "version": RESULTS_VERSION,
            **self.model_dump(mode="json"),
            "data": data,
            "split": split,
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Beginning of the name of its run's folder, before the key: ``cxnet_m1-sin-s0``."""
        parts = [re.sub("[:/ ]", "-", self.model)]
        if self.kind == "network" or self.loss:
            parts += [self.loss, f"s{self.seed}"]
        if self.kind != "network":
            parts.append(self.system.replace(" ", "-") or self.kind)
        return "-".join(parts)


def make_cells(experiment: Experiment, *, weights: Mapping[str, str]) -> list[Cell]:
    """All cells of an experiment: the controls first (they take seconds), then seed by seed.

    Args:
        experiment: what to run; its ``train.precision`` and ``train.memory_format`` are no
            longer ``auto``, because a run in bfloat16 is another run than one in float32.
        weights: a digest of the pretrained weights of each of :func:`pretrained_models`, and of
            those that the control ``frozen`` uses, under its name; they are part of a key.
    """
    data = data_settings(experiment.data)
    controls = [
        Cell(
            kind="control",
            model=name,
            loss="",
            seed=0,
            settings=ControlSettings(
                data=data,
                task=experiment.task,
                weights=weights.get(name) if name == FROZEN else None,
            ),
        )
        for name in experiment.controls
    ]
    # One object for all seeds of a row: ten thousand cells are few settings.
    rows = [
        (
            model,
            loss,
            NetworkSettings(
                data=data,
                task=experiment.task,
                model=_model_settings(experiment, find_model(model), digest),
                loss=LossSettings(
                    options=experiment.loss.options.get(loss, {}),
                    code=code_digest(LOSSES.get(loss)),
                ),
                train=_training(experiment.train, from_scratch=digest is None),
            ),
        )
        for model in experiment.models
        for digest in _starts(experiment, model, weights)
        for loss in experiment.losses
    ]
    networks = [
        Cell(kind="network", model=model, loss=loss, seed=seed, settings=settings)
        for seed in experiment.seeds
        for model, loss, settings in rows
    ]
    return [*controls, *networks]


def first_seed_cells(experiment: Experiment) -> list[Cell]:
    """The controls, and each network's cell of the first seed, for a plan that runs nothing.

    Pretrained weights, which need not be here, have no digest.
    """
    one_seed = experiment.model_copy(update={"seeds": experiment.seeds[:1]})
    return make_cells(one_seed, weights=dict.fromkeys(pretrained_models(experiment), "unknown"))


def _training(train: TrainConfig, *, from_scratch: bool) -> TrainConfig:
    """The settings of a training.

    Layer decay keeps pretrained first layers near what they have learned. Where nothing has been
    learned yet, it would only slow the training down: such a network has one rate for all layers.
    """
    return train.model_copy(update={"layer_decay": 1.0}) if from_scratch else train


def pretrained_models(experiment: Experiment) -> list[str]:
    """The models of an experiment that start from pretrained weights, or also start from them."""
    config = experiment.model
    return [
        model
        for model in experiment.models
        if (config.pretrained or model in config.both) and find_model(model).timm_name is not None
    ]


def _starts(
    experiment: Experiment, model: str, weights: Mapping[str, str]
) -> tuple[str | None, ...]:
    """Digests of the weights that a model starts from, one a run; None from scratch."""
    digest = weights.get(model)
    return (digest, None) if digest is not None and model in experiment.model.both else (digest,)


def source_settings(config: DataConfig) -> SourceSettings:
    """The data source with all its options."""
    options = DATASETS.get(config.source).parse_options(config.options)
    return SourceSettings(source=config.source, options=options.model_dump(mode="json"))


def data_settings(config: DataConfig) -> DataSettings:
    """The data settings in a run's key, with the errors of :func:`source_settings`."""
    return DataSettings(
        **source_settings(config).model_dump(),
        image_size=config.image_size,
        # Seed and fractions of the split are left out: its hash, which is in the key, says what
        # came of them. A share is drawn after the split was made: its hash does not know of it.
        split=config.split,
        train_share=config.train_share,
        split_seed=None if config.train_share == 1.0 else config.split_seed,
    )


def _model_settings(
    experiment: Experiment, entry: ModelEntry, weights: str | None
) -> ModelSettings:
    config = experiment.model
    return ModelSettings(
        pretrained=weights is not None,
        in_channels=config.in_channels,
        options=config.options.get(entry.name, {}),
        weights=weights,
        # A network that starts from scratch is always trained whole.
        policy=None if weights is None else config.policy,
        normalisation=None if weights is None else config.normalisation,
        code=code_digest(entry),
    )


def code_digest(entry: ModelEntry | LossEntry) -> str | None:
    """Digest of a plugin's file: who edits it must not be shown its old results."""
    if not comes_from_plugin(entry.source):
        return None
    file = getattr(sys.modules.get(entry.source), "__file__", None)
    content = Path(file).read_bytes() if file else entry.source.encode()
    return hashlib.sha256(content).hexdigest()[:16]
