"""The learning-rate rule, on hand-made loss curves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.train.schedule import PlateauDecay

LOSSES = st.lists(st.floats(0.0, 10.0), max_size=60)


def decisions(schedule: PlateauDecay, losses: list[float]) -> list[str]:
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
    assert decisions(PlateauDecay(patience=patience, max_decays=max_decays), losses) == expected


@given(losses=LOSSES, cut=st.integers(0, 60))
def test_going_on_from_a_stored_state_changes_nothing(losses: list[float], cut: int) -> None:
    whole, first = (PlateauDecay(patience=2, max_decays=2) for _ in range(2))
    expected = decisions(whole, losses)
    before = decisions(first, losses[:cut])
    second = PlateauDecay(**vars(first))
    assert before + decisions(second, losses[cut:]) == expected
    assert second == whole


@given(LOSSES)
def test_never_more_decays_than_allowed(losses: list[float]) -> None:
    seen = decisions(PlateauDecay(patience=1, max_decays=3), losses)
    first_stop = seen.index("stop") if "stop" in seen else len(seen)
    assert seen[:first_stop].count("decay") <= 3
