"""The experiment as frozen models: every key, its type, its default and its meaning.

Unknown keys are refused, so a misspelt one cannot silently leave a default in force.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bench.config.dotted import flatten
from bench.config.frozen import Frozen
from bench.config.recipes import AUGMENTATIONS, Recipe, filled_in
from bench.config.search import SearchConfig
from bench.registry.core import SNAKE_CASE

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Precision = Literal["auto", "float32", "bfloat16"]
MemoryFormat = Literal["auto", "contiguous", "channels_last"]
Name = Annotated[str, Field(min_length=1)]


class PartSizes(Frozen):
    """Exact numbers of images of the three parts; what they leave over is in no part."""

    train: int = Field(ge=1)
    """Exact number of training images."""
    validation: int = Field(ge=1)
    """Exact number of validation images."""
    test: int = Field(ge=1)
    """Exact number of test images."""


class DataConfig(Frozen):
    """Source of the images, and their division into parts."""

    source: Name
    """A registered data source (``bench list datasets``)."""
    root: Path | None = None
    """The source's folder or file; ``--data`` sets it."""
    image_size: int = Field(default=224, ge=8, le=2048)
    """Side of the square input in pixels."""
    split: Literal["official", "patient", "image", "fixed"] = "patient"
    """Division into parts: ``official`` (the source's own lists, which must keep patients apart),
    ``fixed`` (the source's own lists or split column), ``patient`` (random, all
    images of a patient in one part) or ``image`` (random, patients in several parts).
    """
    split_seed: Seed = 0
    """Seed of the random splits, and of a validation part carved out of training."""
    validation_fraction: Fraction = 0.10
    """Share of all images (of the training images, where the source gives the test part) that
    become the validation part.
    """
    test_fraction: Fraction = 0.15
    """Share of all images that become the test part of a random split."""
    sizes: PartSizes | None = None
    """Exact numbers of images, instead of the fractions."""
    train_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the training part that is learned from: whole patients, drawn so that a smaller
    share is part of every larger one.
    """
    on_bad: Literal["refuse", "skip"] = "refuse"
    """Images that cannot be used: ``refuse`` to start, or ``skip`` them and record it."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The source's own options."""

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> DataConfig:
        if self.validation_fraction + self.test_fraction >= 1.0:
            raise ValueError("validation_fraction and test_fraction leave nothing to train on")
        return self


class ModelConfig(Frozen):
    """Initial weights and input of the networks."""

    pretrained: bool = True
    """Start those networks that have pretrained weights in timm from them."""
    policy: Literal["full", "head", "last_stage"] = "full"
    """Parameters of a pretrained network that are trained: ``full`` (all), ``head`` (the
    classifier), ``last_stage`` (the classifier and the last stage). Networks without pretrained
    weights are always trained whole.
    """
    both: tuple[Name, ...] = ()
    """Networks that are trained twice, from pretrained weights and from scratch; ``pretrained`` is
    for the others. ``bench tune`` takes ``pretrained`` for all.
    """
    normalisation: Literal["data", "pretrained"] = "pretrained"
    """Mean and deviation that the input of a pretrained network is scaled by: ``pretrained`` (those
    that it was pretrained with) or ``data`` (those of the training images). Networks that start
    from scratch always take the data's.
    """
    in_channels: Literal[1, 3] = 1
    """1 (grayscale) or 3 (the same image three times)."""
    weights_dir: Path | None = None
    """A folder of weights written by ``bench weights fetch``."""
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """A model's own keyword arguments, by model name."""

    @model_validator(mode="after")
    def _policies_are_for_pretrained_networks(self) -> ModelConfig:
        if self.policy != "full" and not (self.pretrained or self.both):
            raise ValueError(
                f"policy {self.policy} would freeze random weights: set model.pretrained=true"
            )
        return self


class LossConfig(Frozen):
    """Options of the losses."""

    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """A loss's own keyword arguments, by its name (``{focal: {gamma: 3}}``)."""


class AugmentConfig(Frozen):
    """Random changes of the training images, drawn anew for each image and step.

    ``none`` and ``light`` stand for settings that belong together.
    """

    flip: bool = False
    """Mirror left and right with probability 1/2. It also mirrors the heart."""
    shift: float = Field(default=0.0, ge=0.0, le=0.5)
    """Largest shift along each axis, as a share of the side; what comes in is black."""
    contrast: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest relative change of the contrast about the image's mean."""
    brightness: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest change of the brightness, as a share of full scale."""
    rotate: float = Field(default=0.0, ge=0.0, le=180.0)
    """Largest rotation about the centre, in degrees, to either side; what comes in is black."""
    scale: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest relative change of the size, larger or smaller; what comes in is black."""
    crop: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest share of the side that is cut away: a square window at a random place is enlarged to
    the whole image.
    """

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        if not isinstance(values, str):
            return values
        if values not in AUGMENTATIONS:
            raise ValueError(f"write {' or '.join(AUGMENTATIONS)}, or its keys")
        return AUGMENTATIONS[values]


class TrainConfig(Frozen):
    """The one training loop's settings, the same for every network and loss."""

    recipe: Recipe = "paper"
    """Settings that belong together: ``paper`` (SGD, decay at plateaus) or ``modern`` (AdamW,
    warm-up, cosine, decay by layers, light augmentation). It gives the keys below their defaults.
    Whoever changes it with ``--set``, ``vary`` or ``search`` starts from the other recipe: what
    a file says of those keys no longer holds.
    """
    optimizer: Name = "sgd"
    """``sgd`` (torch's own), or any name of timm's optimiser factory."""
    lr: float = Field(default=0.01, gt=0.0)
    """First learning rate (paper: 0.01)."""
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    """Momentum of SGD; the paper does not state it."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """Decay of matrices and kernels: an L2 penalty under SGD. Norms, biases and position
    embeddings are spared. The paper does not state it.
    """
    nesterov: bool = False
    """Nesterov momentum."""
    batch_size: int = Field(default=32, ge=2)
    """Images a step (paper: 32)."""
    max_iterations: int = Field(default=30_000, ge=1)
    """Steps at most."""
    validate_every: int = Field(default=3_000, ge=1)
    """Steps between two validations (paper: 3,000)."""
    schedule: Literal["plateau", "cosine"] = "plateau"
    """``plateau`` divides the learning rate when the validation loss stops falling, as the paper's
    authors did by hand; ``cosine`` lets it fall to nothing over ``max_iterations``.
    """
    warmup: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of ``max_iterations`` in which the learning rate rises to ``lr`` in a straight line."""
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0)
    """Factor of the learning rate from one layer to the one before it (Clark et al., "ELECTRA",
    2020), so that a pretrained network's first layers change least. Networks that start from
    scratch, and all that are not timm's, have one rate for all layers.
    """
    clip: float | None = Field(default=None, gt=0.0)
    """Longest gradient, as the norm over all parameters; a longer one is shortened to it."""
    ema: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Decay of an average of the weights over the steps (an exponential moving average), which is
    then validated and kept in their stead; 0 for none. It rises to this value from 0.
    """
    decay_factor: float = Field(default=5.0, gt=1.0)
    """The learning rate is divided by this at a plateau (paper: 2, 5 or 10)."""
    patience: int = Field(default=2, ge=1)
    """A plateau is this many validations without a lower validation loss."""
    max_decays: int = Field(default=3, ge=0)
    """The plateau after this many decays ends the training."""
    class_weighting: bool = False
    """Weight every loss by the inverse frequency of the classes."""
    augment: AugmentConfig = AugmentConfig()
    """Random changes of the training images."""
    precision: Precision = "auto"
    """``float32``, ``bfloat16`` (autocast), or ``auto``: bfloat16 on CUDA devices that have it,
    float32 elsewhere.
    """
    memory_format: MemoryFormat = "auto"
    """Layout of weights and activations in memory, ``contiguous`` or ``channels_last``; ``auto``:
    channels last on CUDA devices, contiguous elsewhere. The result is the same up to rounding, and
    to dropout, which draws its masks in the order of memory. On a CPU some networks train by half
    faster with their channels last (``results/speed``).
    """
    compile: bool = False
    """Have torch compile the network of a training step. On a GPU that pays in long runs
    (``results/speed`` has break-evens); the result is the same up to rounding, and to dropout,
    whose masks are others. The network is compiled whole or the run fails.
    """
    micro_batch: int | None = Field(default=None, ge=1)
    """Most images in a forward pass of a training step, for batches that do not fit the memory;
    null takes the whole batch. Gradients are accumulated, so that the step is that of the whole
    batch's mean loss, but batch norm sees a micro-batch.
    """
    devices: int = Field(default=1, ge=1)
    """Devices that one training is divided among, a process each: CUDA devices, or shares of a
    CPU's threads. Batch and schedule stay as they are, and batch norm sees the whole batch, so that
    the result is the same up to rounding, and to dropout, whose masks are others.
    """
    checkpoint_seconds: float = Field(default=120.0, gt=0.0)
    """Seconds between two checkpoints of a training, which has one at every validation too; longer
    where writing one takes more than a fiftieth of them. No result depends on it, so it is no part
    of a run.
    """

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, values: Any) -> Any:
        return filled_in(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> TrainConfig:
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("nesterov needs a momentum above 0")
        if self.nesterov and self.optimizer != "sgd":
            raise ValueError(f"nesterov is an option of sgd, not of {self.optimizer}")
        return self

    @model_validator(mode="after")
    def _every_device_has_an_image(self) -> TrainConfig:
        micro_batches = math.ceil(self.batch_size / (self.micro_batch or self.batch_size))
        least = self.batch_size // micro_batches
        if self.devices > least:
            name = "batch_size" if micro_batches == 1 else "micro_batch"
            raise ValueError(
                f"devices={self.devices} leaves one without an image: at most {least}, or a larger "
                f"{name}"
            )
        return self

    @model_validator(mode="after")
    def _whole_batches_on_one_device_are_compiled(self) -> TrainConfig:
        if self.devices > 1 and self.compile:
            raise ValueError("compile is for one device: leave devices out")
        if self.compile and (self.micro_batch or self.batch_size) < self.batch_size:
            raise ValueError("compile takes whole batches: leave micro_batch out")
        return self


class ExecutionConfig(Frozen):
    """Resources of each worker of ``bench run --executor``; no result depends on them but for the
    threads, and they are no part of a run.
    """

    cpus: int | None = Field(default=None, ge=1)
    """CPU cores, and threads, of a worker, unless ``OMP_NUM_THREADS`` says it; null is an equal
    share of this machine (``processes``) or 1 (``ray``, ``slurm``).
    """
    gpus: float | None = Field(default=None, ge=0.0)
    """GPUs of a worker of ``ray`` (also a part of one) or ``slurm``; null is 1 where networks are
    trained on GPUs.
    """
    memory_gb: float | None = Field(default=None, gt=0.0)
    """Memory of a worker in 10⁹ bytes, for ``ray`` and ``slurm`` to reserve."""
    minutes: int = Field(default=240, ge=1)
    """Time limit of a Slurm job, which then goes on from its checkpoint in another."""
    partition: str | None = None
    """Slurm's partition."""
    account: str | None = None
    """Slurm's account."""

    @model_validator(mode="after")
    def _whole_gpus(self) -> ExecutionConfig:
        if self.gpus is not None and self.gpus > 1.0 and self.gpus % 1.0:
            raise ValueError(f"gpus={self.gpus:g}: a part of one, or a whole number")
        return self


class Factor(Frozen):
    """One thing that a question varies while all else stays the same."""

    key: Name
    """``model``, ``loss``, or a dotted key of ``vary`` (``data.image_size``)."""
    reference: Any
    """The level that the others are compared with."""


class Question(Frozen):
    """A question that an experiment asks; its answer is a section of the report."""

    asks: Name
    """The question, one sentence."""
    yes_if: Name
    """Result that would count as yes."""
    factors: tuple[Factor, ...] = Field(min_length=1)
    """Keys that are varied, in the order of the report."""
    note: str = ""
    """Limits of the answer; may be empty."""


MARGIN = 0.01

# Keys whose levels the experiment lists already, or that are no settings of a run.
NOT_VARIED = {
    "models": "list several models",
    "losses": "list several losses",
    "seeds": "list several seeds",
    "controls": "list several controls",
    "model": "vary its settings, such as model.policy",
    "loss": "vary its options, such as loss.options.focal.gamma",
    "question": "ask several in experiments of their own",
    "search": "tune in experiments of their own",
    "execution": "no result depends on it",
    "margin": "a report has one for all rows of a table",
    "train.checkpoint_seconds": "no result depends on it",
    "vary": "cross its keys by naming them side by side",
    "name": "it names the whole experiment",
    "description": "it describes the whole experiment",
}
# Runs record the images and the split that these lead to, and not their values.
UNRECORDED = frozenset(
    {"data.root", "data.on_bad", "data.sizes", "data.validation_fraction", "data.test_fraction"}
)


class Experiment(Frozen):
    """One matrix: every model with every loss and every seed, and the controls, on one split.

    With ``vary`` it is a matrix for each combination of the levels.
    """

    name: Name
    """The experiment's name, snake_case."""
    description: Name
    """One line for ``bench list configs``."""
    data: DataConfig
    task: Name = "m1"
    """The question asked of each image (``m1``: normal or abnormal)."""
    models: tuple[Name, ...] = Field(min_length=1)
    """Names of networks (``bench list models``)."""
    losses: tuple[Name, ...] = Field(min_length=1)
    """Names of losses (``bench list losses``)."""
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """One run each; they set initialisation, order, dropout and augmentation, never the split."""
    controls: tuple[Name, ...] = (
        "prior",
        "same_patient",
        "metadata",
        "brightness",
        "pixels",
        "frame",
        "frozen",
    )
    """Simple predictors that every network must beat."""
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    vary: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Levels of further settings, by their dotted keys; in YAML as nested mappings (``vary:
    {data: {image_size: [128, 224]}}``).
    """
    search: SearchConfig | None = None
    """Values that ``bench tune`` chooses among, by recipe and dotted key (``search: {modern:
    {train.lr: {low: 1e-5, high: 1e-3, log: true}}}``); null is the shipped space (docs/tuning.md).
    """
    question: Question | None = None
    """Question that the report answers."""
    execution: ExecutionConfig = Field(default=ExecutionConfig(), exclude=True)
    margin: Fraction = MARGIN
    """Largest difference of AUC that counts as none: within it, the report calls two rows
    equivalent. No run depends on it, and ``bench report --margin`` takes another.
    """

    @field_validator("vary", mode="before")
    @classmethod
    def _dotted(cls, vary: Any) -> Any:
        if not isinstance(vary, dict):
            return vary
        if _has_empty(vary):
            raise ValueError("an empty mapping names no setting: leave it out")
        return flatten(vary)

    @field_validator("name")
    @classmethod
    def _snake_case(cls, name: str) -> str:
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not snake_case")
        return name

    @field_validator("models", "losses", "seeds", "controls")
    @classmethod
    def _no_repeats(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        repeated = [value for value, count in Counter(values).items() if count > 1]
        if repeated:
            raise ValueError(f"{', '.join(sorted(map(str, repeated)))} given more than once")
        return values

    @model_validator(mode="after")
    def _lists_are_not_varied(self) -> Experiment:
        for key in self.vary:
            if key in NOT_VARIED:
                raise ValueError(f"vary: {key} cannot be varied ({NOT_VARIED[key]})")
        return self

    @model_validator(mode="after")
    def _factors_are_varied(self) -> Experiment:
        if self.question is None:
            return self
        keys = [factor.key for factor in self.question.factors]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"question.factors: {key!r} is there twice")
            if key not in ("model", "loss") and key not in self.vary:
                raise ValueError(f"question.factors: {key!r} is not among the keys of vary")
        for key in self.vary:
            if key in UNRECORDED:
                raise ValueError(
                    f"vary: runs do not record {key}, so that a question cannot tell its levels "
                    "apart"
                )
        if "task" in self.vary and "task" not in keys:
            raise ValueError(
                "question: an average over several tasks would mean nothing; run one task at a time"
            )
        return self


def _has_empty(tree: dict[str, Any]) -> bool:
    return any(
        not branch or _has_empty(branch) for branch in tree.values() if isinstance(branch, dict)
    )
