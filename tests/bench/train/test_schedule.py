"""The learning-rate rule, on hand-made loss curves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.train.schedule import PlateauDecay

LOSSES = st.lists(st.floats(0.0, 10.0), max_size=60)


def decisions(schedule: PlateauDecay, losses: list[float]) -> list[str]:
    return [schedule.update(loss) for loss in losses]


def test_decays_at_each_plateau_and_stops_at_the_one_after_the_last() -> None:
    schedule = PlateauDecay(patience=2, max_decays=1)
    losses = [1.0, 0.9, 0.95, 0.92, 0.8, 0.8, 0.81]
    assert decisions(schedule, losses) == [
        "improved",
        "improved",
        "waiting",
        "decay",
        "improved",
        "waiting",
        "stop",
    ]


def test_without_decays_the_first_plateau_stops() -> None:
    assert decisions(PlateauDecay(patience=1, max_decays=0), [1.0, 1.0]) == ["improved", "stop"]


def test_an_equal_loss_is_no_improvement() -> None:
    assert decisions(PlateauDecay(patience=3, max_decays=0), [0.5, 0.5]) == ["improved", "waiting"]


@given(losses=LOSSES, cut=st.integers(0, 60))
def test_going_on_from_a_stored_state_changes_nothing(losses: list[float], cut: int) -> None:
    whole = PlateauDecay(patience=2, max_decays=2)
    expected = decisions(whole, losses)
    first = PlateauDecay(patience=2, max_decays=2)
    before = decisions(first, losses[:cut])
    second = PlateauDecay(**first.state())
    assert before + decisions(second, losses[cut:]) == expected
    assert second == whole


@given(LOSSES)
def test_never_more_decays_than_allowed(losses: list[float]) -> None:
    schedule = PlateauDecay(patience=1, max_decays=3)
    seen = decisions(schedule, losses)
    first_stop = seen.index("stop") if "stop" in seen else len(seen)
    assert seen[:first_stop].count("decay") <= 3
