"""Records: typed models of everything on disk beside the predictions, read and written.

A run's data (:class:`bench.data.description.DataRecord`), its environment
(:class:`bench.environment.EnvironmentRecord`) and its settings (:mod:`bench.runs.cells`) are
defined where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import JsonValue, ValidationError

from bench.config import AugmentConfig, Experiment
from bench.config.frozen import Frozen
from bench.config.recipes import DECIDED
from bench.data.description import DataRecord
from bench.environment import EnvironmentRecord
from bench.files import make_folder, write_text
from bench.runs.cells import RESULTS_VERSION, Cell, FileSettings
from bench.runs.checksums import OWN, content_checksum

FORMAT_VERSION = 2
"""Raised when a record changes so that earlier versions of this package cannot read it."""

R = TypeVar("R", bound=Frozen)
State = Literal["finished", "failed", "unavailable"]
"""``unavailable`` is a control that the data cannot have."""
LogitFault = Literal["equal", "within_0_and_1"]
"""``equal``: those of all images are; ``within_0_and_1``: they look like probabilities."""
LOGIT_FAULTS: dict[LogitFault, str] = {
    "equal": "it is dead: all images have the same logits",
    "within_0_and_1": (
        "all its logits lie in [0, 1], as probabilities do: where the network ends in a sigmoid or "
        "softmax, leave that out, since logits are wanted"
    ),
}
"""Meaning of each, for people, in runs and in reports."""


UnusableState = Literal["damaged", "another version"]
ANOTHER_VERSION: UnusableState = "another version"
# Errors of parsing files that hold anything.
_DAMAGES = (ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError)


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """A run that ended, or a record beside the runs, that cannot be used."""

    name: str  # of the run's folder, or the record's path in the store
    state: UnusableState  # ``damaged``, or whole and written by ``another version`` of this package
    reason: str

    def __str__(self) -> str:
        if self.state == "damaged":
            return f"{self.name} is damaged ({self.reason}): `bench doctor` says what to do"
        return (
            f"{self.name} was written by another version of cxnet-bench ({self.reason}): use "
            "that version, or give another folder with --out"
        )


class CellRecord(Frozen):
    """The settings of a run, all that its key is made of."""

    cell: Cell
    results_version: int = RESULTS_VERSION


class AttemptsRecord(Frozen):
    """The environment of each time a run was started, oldest first; it can go on elsewhere."""

    attempts: tuple[EnvironmentRecord, ...]


class ImportRecord(FileSettings):
    """The file that imported predictions come from."""

    file: str
    images: dict[str, int]  # predicted images by part
    of: dict[str, int]  # images of the task by part
    ignored: int  # rows of the file that are in no part of the split or outside the task


class ExternalRecord(Frozen):
    """The run whose network predicts other data, and what the two data have in common."""

    run: str  # name of its folder
    # SHA-256 of its files, as they were then.
    weights: str
    predictions: str
    home: DataRecord  # the data that it was trained on
    # Images of the other data that were not evaluated, since they are, or their patient is, among
    # the home data.
    left_out: int
    unchecked: str = ""  # why it is not known which images are identical; "" where it is
    # Findings that only one of the two has.
    only_home: tuple[str, ...] = ()
    only_other: tuple[str, ...] = ()


class RunCosts(Frozen):
    """Costs of a network and its training."""

    parameters: int  # number of parameters, trainable or not
    multiply_adds: int  # of one image's forward pass
    # In training steps; validations, start-up, capturing and compiling left out.
    train_seconds: float
    images_per_second: float  # training images a second
    iterations: int  # training steps done
    best_iteration: int  # the step whose weights were kept
    # Of the test part, in large batches; None before it is predicted.
    inference_images_per_second: float | None = None
    # Spent in capturing training steps as CUDA graphs; 0 where none was.
    capture_seconds: float = 0.0
    compile_seconds: float = 0.0  # spent in compiling the network; 0 where it was not


class Outcome(Frozen):
    """End of a run."""

    state: State
    reason: str = ""  # why it failed or is unavailable
    costs: RunCosts | None = None
    # A sign in a finished network's logits that something is wrong with it.
    logit_fault: LogitFault | None = None


class ExperimentRecord(Frozen):
    """An experiment as it was given, and the folder names of its runs, finished or not."""

    experiment: Experiment
    runs: tuple[str, ...]


class Spent(Frozen):
    """Costs of a tuning so far; a trial that was interrupted and went on counts once."""

    trials: int  # all that ended: ``finished`` + ``pruned`` + ``failed``
    finished: int  # trained to their end
    pruned: int  # stopped early, since others did better
    failed: int  # such as by a loss that is no longer finite
    # Training steps of all of them, and of those that were lost with their machine and begun anew,
    # up to their last validation.
    iterations: int
    train_seconds: float  # seconds in these training steps

    def measured(self, unit: str) -> float:
        """Amount in a budget's unit: ``trials``, ``iterations`` or ``minutes``."""
        return {
            "trials": float(self.trials),
            "iterations": float(self.iterations),
            "minutes": self.train_seconds / 60,
        }[unit]


class Search(Frozen):
    """A search for the settings of one model with one loss."""

    study: str
    experiment: str  # name of the experiment that was to be tuned
    model: str
    loss: str
    # What every model and loss was given: ``{"trials": 20}``, ``{"iterations": …}`` or
    # ``{"minutes": …}``.
    budget: dict[str, float]
    spent: Spent  # what was used of it


class FailedTuningRecord(Search):
    """A search that has no winner."""

    task: str
    reason: str  # why there is none, with a hint where there is one


class Candidate(Frozen):
    """One of the best trials of a search."""

    trial: int
    settings: dict[str, JsonValue]
    # Of the trial, then of each rerun; None where that failed.
    validation_aucs: tuple[float | None, ...]

    @property
    def mean(self) -> float | None:
        """Mean validation AUC; None where a training failed."""
        known = [auc for auc in self.validation_aucs if auc is not None]
        return sum(known) / len(known) if len(known) == len(self.validation_aucs) else None


class Reruns(Frozen):
    """The best trials of a search, trained again before one of them was taken."""

    candidates: tuple[Candidate, ...]  # the best by its mean first: the winner
    seeds: tuple[int, ...]
    # Cost of the reruns, beyond the budget.
    iterations: int
    train_seconds: float


class TuningRecord(Search):
    """A search that has a winner."""

    # What was searched by dotted key (of a recipe: ``modern: train.lr``), each with its dimension
    # in words (``0.0001 to 0.1, log``).
    searched: dict[str, str]
    winner: dict[str, JsonValue]  # the settings that won, by dotted key
    trial: int  # number of the winning trial
    # Mean over this trial and its reruns (without reruns, of the trial); never a result, since it
    # is the best of many.
    validation_auc: float
    seed: int  # of the trainings of all trials; none of ``seeds``
    seeds: tuple[int, ...]  # those that the winner was run again with
    runs: tuple[str, ...]  # folder names of these runs, finished or not
    sampler: str
    pruner: str
    storage: str  # what kind of database, without its address (``sqlite``, ``postgresql``)
    # Folder names of the runs of earlier winners of this study, which a larger budget has found
    # others than; each may still be a run of another tuning's winner.
    superseded: tuple[str, ...] = ()
    reruns: Reruns | None = None  # of the best trials; None in records of before there were any

    @property
    def searched_keys(self) -> frozenset[str]:
        """Dotted keys of the settings that the search decided, those of a recipe among them."""
        keys = {key.rpartition(": ")[2] for key in self.searched}
        if "train.recipe" in keys:
            keys |= {f"train.{key}" for key in DECIDED}
        if "train.augment" in keys:
            keys |= {f"train.augment.{key}" for key in AugmentConfig.model_fields}
        return frozenset(keys)


class MapFigure(Frozen):
    """A figure of heat maps, a share or a difference of shares, with its 95 % interval."""

    value: float
    # Ends of the interval; None where there is none.
    low: float | None
    high: float | None
    reason: str = ""  # why there is none; "" where there is one


class MapAgreement(Frozen):
    """Agreement of the maps of one maker with the boxes of one finding."""

    maker: str  # ``network``, ``random weights``, ``frame`` and so on
    finding: str  # its name, or ``all findings``
    # Numbers of test images that have it, and of their patients.
    images: int
    patients: int
    # By name: ``hit``, ``energy``, ``iou``; of the network also its hits above others.
    figures: dict[str, MapFigure]


class MapsRecord(Frozen):
    """Heat maps of a network's seeds, measured against known lesions."""

    boxes: str  # ``phantom``, or the name of the file of boxes
    method: str  # how the maps are made
    runs: dict[str, str]  # checksum of the predictions of each run, by its folder's name
    rows: tuple[MapAgreement, ...]


def write_model(path: Path, record: Frozen) -> None:
    """Write a file of a run, whose ``config.yaml`` says the format."""
    write_text(path, record.model_dump_json(indent=2) + "\n")


def write_record(path: Path, record: Frozen) -> None:
    """Write a file of its own, which says its format and its checksum; its folder is made."""
    make_folder(path.parent)
    content = {"format": FORMAT_VERSION, **record.model_dump(mode="json")}
    content[OWN] = content_checksum(content)
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_records(root: Path, folder: str, model: type[R]) -> tuple[list[R], list[Unusable]]:
    """Read the files of a folder that :func:`write_record` wrote, by name.

    Args:
        folder: its name there; it need not be there.

    Returns:
        The records, and those that cannot be used.
    """
    found, unusable = [], []
    for path in sorted((root / folder).glob("*.json")):
        try:
            with reading():
                content = json.loads(path.read_text(encoding="utf-8"))
                refuse_other_version(content)
                own = {key: value for key, value in content.items() if key not in ("format", OWN)}
                record = model.model_validate(own)
                if content.get(OWN) != content_checksum(content):
                    raise UnusableError("it was changed after it was written")
            found.append(record)
        except UnusableError as fault:
            unusable.append(fault.of(f"{folder}/{path.name}"))
    return found, unusable


class UnusableError(Exception):
    """The reason why a run or record cannot be used.

    Args:
        reason: in one line, without what it is of.
    """

    def __init__(self, reason: str, state: UnusableState = "damaged") -> None:
        super().__init__(reason)
        self.state = state

    def of(self, name: str) -> Unusable:
        """The run or record of a name, with this fault."""
        return Unusable(name=name, state=self.state, reason=str(self))


@contextmanager
def reading(file: str = "") -> Iterator[None]:
    """Turn what reading a damaged file raises into a :class:`UnusableError`.

    Args:
        file: its name, which the reason begins with.

    Raises:
        UnusableError: the file is gone or damaged, or holds what another version wrote.
        PermissionError: it may be whole; the command line says which one may not be read.
    """
    name, start = file or "it", f"{file}: " if file else ""
    try:
        yield
    except PermissionError:
        raise
    except FileNotFoundError:
        raise UnusableError(f"{name} is gone") from None
    except OSError as error:
        raise UnusableError(f"{name} cannot be read ({error.strerror})") from None
    except _DAMAGES as error:
        unknown = isinstance(error, ValidationError) and _only_unknown_keys(error)
        state: UnusableState = ANOTHER_VERSION if unknown else "damaged"
        raise UnusableError(f"{start}{damage(error)}", state) from None


def refuse_other_version(content: Mapping[str, Any]) -> None:
    """Refuse what another version of this package wrote; nothing of it is damaged.

    Raises:
        UnusableError: it is of another format, or a result of another harness.
    """
    if (version := content.get("format")) is None:
        raise UnusableError("it states no format")
    if version != FORMAT_VERSION:
        raise UnusableError(f"it is of format {version}", ANOTHER_VERSION)
    if content.get("results_version", RESULTS_VERSION) != RESULTS_VERSION:
        raise UnusableError(
            f"its results are of version {content['results_version']}", ANOTHER_VERSION
        )


def _only_unknown_keys(error: ValidationError) -> bool:
    """Whether nothing is wrong but keys that this version does not know."""
    return all(
        each["type"] == "extra_forbidden"
        or (
            isinstance(inner := each.get("ctx", {}).get("error"), ValidationError)
            and _only_unknown_keys(inner)  # a cell's settings are read by their kind
        )
        for each in error.errors()
    )


def damage(error: Exception) -> str:
    """The fault of a damaged record, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        inner = first.get("ctx", {}).get("error")  # a cell's settings are read by their kind
        if isinstance(inner, ValidationError):
            return damage(inner)
        return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
    text = " ".join(str(error).split())
    return text if isinstance(error, yaml.YAMLError) else f"{type(error).__name__}: {text}"
