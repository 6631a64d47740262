"""What the trials of a study say together: what was spent, what is in hand, which one won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from bench.runs.records import Spent
from bench.tune.budget import Budget, add_up

Ended = Literal["finished", "pruned", "budget", "failed", "repeated", "surplus"]

# Attributes of a trial.
OUTCOME = "outcome"
PROGRESS = "progress"
INTERRUPTED = "interrupted"
CONTINUES = "continues"
"""Number of the abandoned trial whose parameters it has."""
RESUMES = "resumes"
"""Number of the abandoned trial whose training it goes on with, from the same folder."""
NOTHING = {"iterations": 0, "train_seconds": 0.0}

REPEATS_THAT_EXHAUST = 20
"""So many suggestions in a row that were trained before: the space holds hardly anything else."""
FAILURES_THAT_END = 20
"""So many failed trials in a row: the next one would fail too, however large the budget."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial ended, kept as an attribute of it.

    Attributes:
        ended: ``finished``; ``pruned`` by the pruner; ``budget``: cut, since the budget was used
            up; ``failed``; and, not counted since nothing was trained, ``repeated`` (its
            parameters were tried before) and ``surplus`` (another worker took the last place, or
            holds the folder of the trial that it was to go on with).
        reason: why it failed; otherwise "".
        iterations: training steps. A failed trial is charged with the whole interval between
            two validations in which it failed.
        train_seconds: seconds in training steps; of a failed one up to its last validation.
    """

    ended: Ended
    reason: str = ""
    iterations: int = 0
    train_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def outcome(trial: FrozenTrial) -> Outcome | None:
    """How a trial ended by its worker's word; None where it has not, or died with its machine."""
    if not trial.state.is_finished() or OUTCOME not in trial.user_attrs:
        return None
    return Outcome(**trial.user_attrs[OUTCOME])


def counted(trials: Sequence[FrozenTrial]) -> dict[int, Outcome]:
    """The trials that a budget counts, by number: each set of parameters once."""
    found = {trial.number: outcome(trial) for trial in trials if not _is_abandoned(trial)}
    return {
        number: one
        for number, one in found.items()
        if one is not None and one.ended not in ("repeated", "surplus")
    }


def abandoned(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials of workers that fell silent, whose parameters nobody has begun anew."""
    begun_anew = {
        trial.user_attrs.get(CONTINUES)
        for trial in trials
        if (one := outcome(trial)) is None or one.ended != "surplus"
    }
    return [trial for trial in trials if _is_abandoned(trial) and trial.number not in begun_anew]


def _is_abandoned(trial: FrozenTrial) -> bool:
    """Whether another worker failed it; its own may have died between its word and the end."""
    one = outcome(trial)
    ended = None if one is None else one.ended
    return trial.state == TrialState.FAIL and ended in (None, "finished", "pruned", "budget")


def running(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that some worker is at, or was when it died."""
    return [trial for trial in trials if trial.state == TrialState.RUNNING]


def spent(trials: Sequence[FrozenTrial]) -> Spent:
    """What the trials that ended have cost, abandoned ones up to their last validation."""
    resumed = {trial.user_attrs.get(RESUMES) for trial in trials}
    lost = [
        _so_far(trial, trials=0)
        for trial in trials
        if _is_abandoned(trial) and trial.number not in resumed
    ]
    return add_up(
        [
            *lost,
            *(
                Spent(
                    trials=1,
                    finished=int(one.ended == "finished"),
                    pruned=int(one.ended in ("pruned", "budget")),
                    failed=int(one.ended == "failed"),
                    iterations=one.iterations,
                    train_seconds=one.train_seconds,
                )
                for one in counted(trials).values()
            ),
        ]
    )


def spent_so_far(trials: Sequence[FrozenTrial]) -> Spent:
    """What all trials have cost, those in training up to their last validation."""
    return add_up([spent(trials), *(_so_far(trial, trials=1) for trial in running(trials))])


def _so_far(trial: FrozenTrial, *, trials: int) -> Spent:
    """The cost of a trial up to its last validation."""
    progress = trial.user_attrs.get(PROGRESS, NOTHING)
    return Spent(trials=trials, finished=0, pruned=0, failed=0, **progress)


def has_room(trials: Sequence[FrozenTrial], budget: Budget) -> bool:
    """Whether the budget allows for one more trial beside those that ended or are running."""
    return budget.used(spent_so_far(trials)) < budget.amount


def is_surplus(trials: Sequence[FrozenTrial], number: int, budget: Budget) -> bool:
    """Whether a trial was begun at the same moment as others, and the budget ends before it.

    All workers decide alike, by the numbers of the trials.
    """
    before = [trial for trial in trials if trial.number < number]
    return not has_room(before, budget)


def repeats(trials: Sequence[FrozenTrial], trial: FrozenTrial) -> bool:
    """Whether an earlier trial has the same parameters."""
    tried = {*counted(trials), *(one.number for one in running(trials))}
    return any(
        one.number in tried and one.number < trial.number and one.params == trial.params
        for one in trials
    )


def futile(trials: Sequence[FrozenTrial]) -> str | None:
    """Why it is no use to go on before the budget is used up; None where it is."""
    ended = [one.ended for one in map(outcome, trials) if one is not None]
    for count, kind, reason in (
        (REPEATS_THAT_EXHAUST, "repeated", "the space is exhausted: only repetitions are left"),
        (FAILURES_THAT_END, "failed", f"{FAILURES_THAT_END} trials failed in a row"),
    ):
        if len(ended) >= count and set(ended[-count:]) == {kind}:
            return reason
    return None


def interruptions(trials: Sequence[FrozenTrial]) -> int:
    """How many trials were interrupted and went on."""
    taken_up = sum(INTERRUPTED in trial.user_attrs for trial in trials)
    return taken_up + sum(map(_is_abandoned, trials))


def winner(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The trial with the highest validation AUC of those trained to their end, the first of equals.

    A pruned one is no candidate: nobody knows where it would have led.
    """
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)
