"""Events of a matrix or a tuning: typed records, each with its line for people.

``cell`` is the label of a cell or trial, ``folder`` the name of its run's folder; ``resumes`` says
that earlier steps were trained and shown before.

``bench.progress`` shows them, the JSON log has their fields, and ``bench.tracking`` passes them on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from bench.registry.search import Scalar


@dataclass(frozen=True)
class Event:
    """Something that happened; its ``str`` is its line."""


@dataclass(frozen=True)
class Note(Event):
    """A line that concerns no cell in particular."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class MatrixStarted(Event):
    """The trainings to come, with their training steps at most, by the cell's label."""

    steps: Mapping[str, int]

    def __str__(self) -> str:
        plural = "" if len(self.steps) == 1 else "s"
        return f"{len(self.steps)} training{plural} to do, {sum(self.steps.values()):,} steps"


@dataclass(frozen=True, kw_only=True)
class CellStarted(Event):
    """A cell begins, or goes on from its checkpoint: number ``index`` of ``total``, from 1."""

    cell: str
    index: int
    total: int
    folder: str
    resumes: bool

    def __str__(self) -> str:
        return f"[{self.index}/{self.total}] {self.cell}{_resumed(self.resumes)}"


@dataclass(frozen=True, kw_only=True)
class CellSkipped(Event):
    """A cell that was to be trained, and that another process trains or has finished since."""

    cell: str
    index: int
    total: int

    def __str__(self) -> str:
        return f"[{self.index}/{self.total}] {self.cell}: left to another process"


@dataclass(frozen=True, kw_only=True)
class Validated(Event):
    """A validation; the fields are those of :class:`bench.train.history.Validation`."""

    cell: str
    iteration: int
    lr: float
    train_loss: float
    validation_loss: float
    validation_auc: float
    decision: str
    best: bool
    train_seconds: float

    def __str__(self) -> str:
        decision = {"decay": "  -> learning rate decays", "stop": "  -> stops"}
        return (
            f"    iteration {self.iteration:>6,}  lr {self.lr:.2g}  "
            f"loss {self.train_loss:.4f} / {self.validation_loss:.4f}  "
            f"validation AUC {self.validation_auc:.4f}"
            + (" *" if self.best else "")
            + decision.get(self.decision, "")
        )


@dataclass(frozen=True, kw_only=True)
class CellFinished(Event):
    """A cell has its predictions; ``logit_fault`` is a sign that its network is sick, or None."""

    cell: str
    seconds: float
    test_auc: float
    logit_fault: str | None = None

    def __str__(self) -> str:
        return f"    done in {self.seconds:.0f} s: test AUC {self.test_auc:.4f}"


@dataclass(frozen=True, kw_only=True)
class CellUnavailable(Event):
    """A control that the data cannot have."""

    cell: str
    reason: str

    def __str__(self) -> str:
        return f"    not available: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class CellFailed(Event):
    """A cell that failed; the others go on."""

    cell: str
    reason: str
    folder: str = ""

    def __str__(self) -> str:
        return f"    FAILED: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class CellUnusable(Event):
    """A cell whose run ended, and is damaged or another version's: it is left as it is."""

    cell: str
    folder: str
    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.state}: {self.reason}; it is left as it is (bench doctor)"


@dataclass(frozen=True, kw_only=True)
class MatrixFinished(Event):
    """Numbers of cells by their ending."""

    finished: int = 0  # by this command
    already: int = 0  # by an earlier one
    unavailable: int = 0  # controls that the data cannot have
    failed: int = 0  # kept with their reason, and tried again by the next run
    elsewhere: int = 0  # another process is at them
    unusable: int = 0  # damaged, or written by another version; left as they are
    no_winner: tuple[str, ...] = ()  # models and losses whose tuning failed
    runs: tuple[str, ...] = field(default=(), compare=False)  # names of all their folders

    def __add__(self, other: MatrixFinished) -> MatrixFinished:
        """The cells of both."""
        names = [each.name for each in fields(self)]
        return MatrixFinished(
            **{name: getattr(self, name) + getattr(other, name) for name in names}
        )

    def __str__(self) -> str:
        return (
            f"{self.finished} finished, {self.already} finished before, {self.unavailable} not "
            f"available, {self.failed} failed"
            + (f", {self.elsewhere} running in another process" if self.elsewhere else "")
            + (f", {self.unusable} damaged or of another version" if self.unusable else "")
            + (f"; no winner for {', '.join(self.no_winner)}" if self.no_winner else "")
        )


@dataclass(frozen=True, kw_only=True)
class TuningStarted(Event):
    """The search for a model and loss begins, or goes on."""

    cell: str
    budget: str

    def __str__(self) -> str:
        return f"tuning {self.cell}: {self.budget}"


@dataclass(frozen=True, kw_only=True)
class TrialStarted(Event):
    """A trial begins, or goes on from its checkpoint; ``done`` trials ended before."""

    cell: str
    trial: int
    done: int
    settings: Mapping[str, Scalar]
    folder: str
    resumes: bool

    def __str__(self) -> str:
        settings = settings_text(self.settings)
        return f"[{self.done} done] {self.cell}: {settings}{_resumed(self.resumes)}"


@dataclass(frozen=True, kw_only=True)
class TrialEnded(Event):
    """A trial that ended."""

    cell: str
    trial: int
    ended: str  # ``finished``, ``pruned``, ``budget`` or ``failed``
    reason: str
    # Of the weights that a finished trial kept; the last one of a trial that was pruned or cut;
    # None of one that failed.
    validation_auc: float | None
    done: int  # trials that ended so far
    used: float  # share of the budget that is spent
    budget: str

    def __str__(self) -> str:
        if self.ended == "failed":
            return f"    FAILED: {self.reason}"
        ends = {"finished": "done", "pruned": "pruned", "budget": "cut, the budget is used up"}
        return f"    {ends[self.ended]}: validation AUC {self.validation_auc:.4f}"


@dataclass(frozen=True, kw_only=True)
class RerunEnded(Event):
    """One of the best trials was trained again, with a fresh seed."""

    cell: str
    validation_auc: float

    def __str__(self) -> str:
        return f"    done: validation AUC {self.validation_auc:.4f}"


@dataclass(frozen=True, kw_only=True)
class TuningFinished(Event):
    """The winning trial of a model and loss, and what the search for it has cost.

    ``validation_auc`` is the mean over its trial and reruns, and ``trainings`` their number.
    """

    cell: str
    trial: int
    trials: int
    finished: int
    pruned: int
    failed: int
    iterations: int
    train_seconds: float
    reason: str
    validation_auc: float
    trainings: int = 1
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    def __str__(self) -> str:
        reason = f"; {self.reason}" if self.reason else ""
        return (
            f"{self.cell}: trial {self.trial} is the best of {self.trials} ({self.finished} "
            f"finished, {self.pruned} pruned, {self.failed} failed; {self.iterations:,} "
            f"iterations, {self.train_seconds:.0f} s in training{reason}) with mean validation "
            f"AUC {self.validation_auc:.4f} over {self.trainings} seeds: "
            f"{settings_text(self.settings)}"
        )


@dataclass(frozen=True, kw_only=True)
class TuningFailed(Event):
    """A model and loss without a winner."""

    cell: str
    reason: str

    def __str__(self) -> str:
        return f"{self.cell}: TUNING FAILED: {self.reason}"


CELL_ENDS = (CellFinished, CellUnavailable, CellFailed, CellSkipped, TrialEnded, RerunEnded)


def settings_text(settings: Mapping[str, Scalar]) -> str:
    """Searched settings in short: ``lr 0.0123, patience 2``; the first parts of keys left out."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {f'{value:.3g}' if isinstance(value, float) else value}"
        for key, value in settings.items()
    )


def _resumed(resumes: bool) -> str:
    return " (goes on where it was interrupted)" if resumes else ""
