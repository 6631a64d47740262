"""The learning-rate rule, on hand-made loss curves."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config import TrainConfig
from bench.train.schedule import PlateauDecay, Schedule, make_schedule

LOSSES = st.lists(st.floats(0.0, 10.0), max_size=60)


def plateau(*, patience: int, max_decays: int) -> PlateauDecay:
    return PlateauDecay(factor=5.0, patience=patience, max_decays=max_decays)


def decisions(schedule: Schedule, losses: list[float]) -> list[str]:
    return [schedule.update(loss) for loss in losses]


@pytest.mark.parametrize(
    ("patience", "max_decays", "losses", "expected"),
    [
        (
            2,
            1,
            [1.0, 0.9, 0.95, 0.92, 0.8, 0.8, 0.81],
            ["improved", "improved", "waiting", "decay", "improved", "waiting", "stop"],
        ),
        (1, 0, [1.0, 1.0], ["improved", "stop"]),
        (3, 0, [0.5, 0.5], ["improved", "waiting"]),  # an equal loss is no improvement
    ],
)
def test_decays_at_each_plateau_and_stops_at_the_one_after_the_last(
    patience: int, max_decays: int, losses: list[float], expected: list[str]
) -> None:
    assert decisions(plateau(patience=patience, max_decays=max_decays), losses) == expected


@given(losses=LOSSES, cut=st.integers(0, 60))
def test_going_on_from_a_stored_state_changes_nothing(losses: list[float], cut: int) -> None:
    whole, first = (plateau(patience=2, max_decays=2) for _ in range(2))
    expected = decisions(whole, losses)
    before = decisions(first, losses[:cut])
    second = PlateauDecay(**vars(first))
    assert before + decisions(second, losses[cut:]) == expected
    assert second == whole


@given(LOSSES)
def test_never_more_decays_than_allowed(losses: list[float]) -> None:
    seen = decisions(plateau(patience=1, max_decays=3), losses)
    first_stop = seen.index("stop") if "stop" in seen else len(seen)
    assert seen[:first_stop].count("decay") <= 3


def rates(steps: int = 20, **settings: object) -> list[float]:
    config = TrainConfig.model_validate({"max_iterations": steps, **settings})
    schedule = make_schedule(config)
    return [schedule.rate(0.1, step) for step in range(steps)]


def test_plateau_keeps_the_rate_until_a_decay() -> None:
    schedule = make_schedule(TrainConfig(decay_factor=2, patience=1, max_decays=2))
    seen = []
    for loss in (1.0, 1.0, 1.0):
        seen.append(schedule.rate(0.1, 7))
        schedule.update(loss)
    assert seen == [0.1, 0.1, 0.05]
    assert not schedule.changes_every_step


def test_cosine_falls_from_the_full_rate_to_nothing_after_the_last_step() -> None:
    seen = rates(schedule="cosine")
    expected = [0.05 * (1 + math.cos(math.pi * step / 20)) for step in range(20)]
    assert seen == pytest.approx(expected)
    assert seen[0] == 0.1
    assert all(later < earlier for earlier, later in itertools.pairwise(seen))


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_warm_up_rises_in_a_straight_line(schedule: str) -> None:
    seen = rates(schedule=schedule, warmup=0.2)
    assert seen[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert seen[4] == 0.1
    assert make_schedule(TrainConfig(warmup=0.2)).changes_every_step


def test_a_cosine_never_ends_a_training_early() -> None:
    schedule = make_schedule(TrainConfig(schedule="cosine", patience=1, max_decays=0))
    assert decisions(schedule, [1.0, 1.0, 2.0, 0.5]) == [
        "improved",
        "waiting",
        "waiting",
        "improved",
    ]
