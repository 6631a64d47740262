"""The budget, and what trials add up to; nothing is trained."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from bench.errors import InputError
from bench.runs.records import Spent
from bench.tuning.plan import parse_budget
from bench.tuning.trials import (
    COST,
    FAILED,
    REPEATED,
    RETRIES,
    SKIPPED,
    TOO_LATE,
    has_room,
    in_vain,
    interrupted,
    is_repeated,
    most_workers,
    ranked,
    retry,
    spent,
    used,
)

LR = {"lr": FloatDistribution(0.0, 1.0)}


def trial(
    state: str,
    lr: float = 0.5,
    attrs: dict[str, Any] | None = None,
    *,
    value: float = 0.7,
    steps: int = 6,
) -> FrozenTrial:
    """A trial that has cost some iterations of a second each."""
    return create_trial(
        state=TrialState[state],
        value=value if state == "COMPLETE" else None,
        params={"lr": lr},
        distributions=dict(LR),
        user_attrs={COST: {"iterations": steps, "train_seconds": float(steps)}, **(attrs or {})},
    )


def study(*trials: FrozenTrial) -> optuna.Study:
    made = optuna.create_study(direction="maximize")
    made.add_trials(trials)
    return made


MIXED = study(
    trial("COMPLETE", 0.1),
    trial("PRUNED", 0.2, steps=2),
    trial("FAIL", 0.3, {FAILED: "memory"}, steps=4),
    trial("FAIL", 0.4, steps=2),  # killed, and retried:
    trial("RUNNING", 0.4, {RETRIES: 3}, steps=4),
    trial("FAIL", 0.1, {SKIPPED: REPEATED}, steps=0),
    trial("FAIL", 0.6, steps=3),  # killed, and not retried yet
).trials


def test_each_trial_counts_once_and_all_training_is_charged() -> None:
    assert spent(MIXED) == Spent(
        trials=3, finished=1, pruned=1, failed=1, iterations=21, train_seconds=21.0
    )


@pytest.mark.parametrize(
    ("budget", "amount"),
    # The running and the interrupted trial count as one each.
    [("trials=6", 5.0), ("iterations=22", 21.0), ("minutes=0.36", 21 / 60)],
)
def test_a_budget_has_room_until_it_is_used(budget: str, amount: float) -> None:
    given = parse_budget(budget)
    assert used(MIXED, given) == pytest.approx(amount)
    assert has_room(MIXED, given, interval=0)
    assert not has_room(MIXED, parse_budget(f"{given.unit}={amount:.15g}"), interval=0)


def test_a_running_trial_s_next_interval_is_held_back() -> None:
    """One trial is running and has cost 4 of the 21 iterations."""
    iterations = parse_budget("iterations=25")
    assert has_room(MIXED, iterations, interval=3)
    assert not has_room(MIXED, iterations, interval=4)
    assert has_room(MIXED, iterations, interval=4, without=4)
    assert has_room(MIXED, iterations, interval=4, before=4)
    assert has_room(MIXED, parse_budget("minutes=1"), interval=1000)


@pytest.mark.parametrize(
    ("budget", "most"),
    # Three trials have ended, in 21 iterations.
    [("trials=10", 7), ("trials=3", 0), ("iterations=31", 3), ("iterations=20", 0)],
)
def test_each_worker_has_a_trial_or_an_interval(budget: str, most: int) -> None:
    assert most_workers(MIXED, parse_budget(budget), interval=4) == most
    assert most_workers(MIXED, parse_budget("minutes=1"), interval=4) == math.inf
    queued = [*MIXED, trial("WAITING", steps=0)]  # though the budget may be spent
    assert most_workers(queued, parse_budget(budget), interval=4) == max(1, most)


def test_two_workers_agree_on_who_trains_the_last_trial() -> None:
    begun = study(trial("COMPLETE", 0.1), trial("RUNNING", 0.2), trial("RUNNING", 0.3)).trials
    two = parse_budget("trials=2")
    assert [has_room(begun, two, interval=9, before=number) for number in (1, 2)] == [True, False]
    # The successor of an interrupted trial takes its turn.
    retried = study(
        trial("FAIL"), trial("FAIL", 0.5, {RETRIES: 0}), trial("RUNNING", 0.5, {RETRIES: 1})
    )
    assert has_room(retried.trials, parse_budget("trials=1"), interval=9, before=2)
    assert not has_room(retried.trials, parse_budget("trials=1"), interval=9)


@pytest.mark.parametrize(
    ("lr", "repeated"),
    [(0.1, True), (0.2, True), (0.3, True), (0.4, True), (0.6, True), (0.5, False)],
)
def test_a_point_is_repeated_where_it_was_evaluated_or_is_to_be(lr: float, repeated: bool) -> None:
    trials = study(*MIXED, trial("RUNNING", lr)).trials
    assert is_repeated(trials, trials[-1]) is repeated
    assert not is_repeated(MIXED, MIXED[4])  # it retries the earlier one


def test_an_interrupted_trial_is_queued_again_without_its_cost() -> None:
    made = study(trial("COMPLETE", 0.1), trial("FAIL", 0.4))
    assert [lost.number for lost in interrupted(made.trials)] == [1]
    retry(made, made.trials[1])
    *_, again = made.trials
    assert (again.state, again.params, again.user_attrs) == (
        TrialState.WAITING, {"lr": 0.4}, {RETRIES: 1},
    )  # fmt: skip
    assert interrupted(made.trials) == []
    assert spent(made.trials).iterations == 12


def test_a_search_ends_when_only_repetitions_or_failures_are_left() -> None:
    repeated, failed = (
        trial("FAIL", 0.5, attrs) for attrs in ({SKIPPED: REPEATED}, {FAILED: "memory"})
    )
    assert in_vain([failed] * 19) is None
    assert in_vain([*[repeated] * 20, trial("COMPLETE")]) is None
    # An interruption is neither, nor is a beginning beside others at the end of a budget.
    too_late = trial("FAIL", 0.6, {SKIPPED: TOO_LATE})
    others = [trial("FAIL"), trial("RUNNING"), *[too_late] * 20]
    assert in_vain([trial("COMPLETE"), *others]) is None
    trials = [trial("COMPLETE"), *[repeated, failed] * 10, *others]
    assert in_vain(trials) == "the last 20 trials failed or repeated earlier ones"


def test_the_first_of_the_best_that_were_trained_to_their_end_is_ranked_first() -> None:
    trials = study(
        trial("PRUNED", 0.1),
        trial("COMPLETE", 0.2, value=0.6),
        trial("COMPLETE", 0.3, value=0.9),
        trial("COMPLETE", 0.4, value=0.9),
    ).trials
    assert [best.number for best in ranked(trials)] == [2, 3, 1]


@pytest.mark.parametrize(
    "text", ["", "20", "trials", "trials=", "trials=0", "trials=-3", "trials=2.5", "minutes=nan",
             "minutes=inf", "epochs=3", "iterations=1e4"]
)  # fmt: skip
def test_a_wrong_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write trials=20, iterations=50000 or minutes=90"):
        parse_budget(text)


def test_a_budget_in_words() -> None:
    assert str(parse_budget("iterations=50000")) == "50,000 iterations"
    assert str(parse_budget("minutes=1.5")) == "1.5 minutes"
    assert parse_budget(" trials = 20 ").as_dict() == {"trials": 20}
